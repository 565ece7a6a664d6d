//! Repeatable randomness, and random crontab(5) expressions.

/// SplitMix64: small, and the same everywhere for a seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn number(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    pub fn chance(&mut self, percent: i64) -> bool {
        self.number(1, 100) <= percent
    }

    pub fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.number(0, of.len() as i64 - 1) as usize]
    }

    /// Five fields as people and machines write them: names, any case, lists, ranges, steps, leading zeros.
    pub fn expression(&mut self) -> String {
        let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
        let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
        let fields = [
            // Plain hours and minutes are what backups have, and what falls into gaps.
            self.field(15, 0, 59, 60, &[]),
            self.field(25, 0, 23, 24, &[]),
            self.field(65, 1, 31, 31, &[]),
            self.field(75, 1, 12, 12, &months),
            self.field(60, 0, 7, 7, &days),
        ];
        fields.join(if self.chance(5) { " \t " } else { " " })
    }

    fn field(&mut self, star: i64, low: i64, high: i64, step: i64, names: &[&str]) -> String {
        if self.chance(star) {
            return "*".to_owned();
        }
        let count = if self.chance(75) { 1 } else { self.number(2, 4) };
        let items: Vec<_> = (0..count).map(|_| self.item(low, high, step, names)).collect();
        items.join(",")
    }

    fn item(&mut self, low: i64, high: i64, step: i64, names: &[&str]) -> String {
        match self.number(1, 100) {
            // Early hours and days are where clocks change and where short months end.
            1..=55 => {
                let value = if self.chance(40) { self.number(low, low + 4) } else { self.number(low, high) };
                self.value(value, low, names)
            }
            56..=58 => "*".to_owned(),
            59..=75 => format!("*/{}", self.number(1, step)),
            kind => {
                let from = self.number(low, high);
                let to = if self.chance(3) { from } else { self.number((from + 1).min(high), high) };
                let range = format!("{}-{}", self.value(from, low, names), self.value(to, low, names));
                if kind < 88 { range } else { format!("{range}/{}", self.number(1, step.min(9))) }
            }
        }
    }

    fn value(&mut self, value: i64, low: i64, names: &[&str]) -> String {
        match names.get((value - low) as usize) {
            Some(name) if self.chance(40) => match self.number(1, 3) {
                1 => name.to_uppercase(),
                2 => format!("{}{}", name[..1].to_uppercase(), &name[1..]),
                _ => (*name).to_owned(),
            },
            _ if self.chance(5) => format!("{value:02}"),
            _ => value.to_string(),
        }
    }
}
