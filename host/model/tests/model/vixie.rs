//! A second cron, after crontab(5) and the sources of Vixie's (`entry.c`, `cron.c`), that asks at every minute.
//!
//! It shares nothing with `bulkhead_model::schedule` except jiff's offsets: it reads expressions by itself, knows the
//! calendar by itself (Hinnant's `civil_from_days`), and treats changes of the clock as `cron.c` does, by a virtual
//! time that never goes back: minutes that the clock jumps over run at once, minutes that come again do not.
//!
//! It differs from `cron.c` in what ADR 0007 says: only a star in the *hour* makes an entry follow elapsed time (there
//! a star in the minute does too), and a jump of three hours or more is no exception.

use std::cell::Cell;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Minutes of a day, in UTC or on a clock, since 1970.
pub type Minute = i64;

pub const DAY: Minute = 24 * 60;

/// What `load_entry` makes of a line.
pub struct Entry {
    minute: Vec<bool>,
    hour: Vec<bool>,
    dom: Vec<bool>,
    month: Vec<bool>,
    dow: Vec<bool>,
    hr_star: bool,
    dom_star: bool,
    dow_star: bool,
}

impl Entry {
    pub fn load(line: &str) -> Self {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [minute, hour, dom, month, dow] = fields[..] else { panic!("{line}") };
        let mut days = get_list(dow, 0, 7, "SunMonTueWedThuFriSat");
        // "make sundays equivalent"
        let sunday = days[0] || days[7];
        (days[0], days[7]) = (sunday, sunday);
        Self {
            minute: get_list(minute, 0, 59, ""),
            hour: get_list(hour, 0, 23, ""),
            dom: get_list(dom, 1, 31, ""),
            month: get_list(month, 1, 12, "JanFebMarAprMayJunJulAugSepOctNovDec"),
            dow: days,
            hr_star: hour.starts_with('*'),
            dom_star: dom.starts_with('*'),
            dow_star: dow.starts_with('*'),
        }
    }

    fn on(&self, day: i64) -> bool {
        let (month, dom) = month_and_day(day);
        // 1970 began on a Thursday.
        let (dom, dow) = (self.dom[dom], self.dow[(day + 4).rem_euclid(7) as usize]);
        let day = if self.dom_star || self.dow_star { dom && dow } else { dom || dow };
        self.month[month] && day
    }

    fn at(&self, clock: Minute) -> bool {
        let of_day = clock.rem_euclid(DAY) as usize;
        self.minute[of_day % 60] && self.hour[of_day / 60] && self.on(clock.div_euclid(DAY))
    }

    /// The first `count` minutes in UTC after `after` at which this runs; fewer when the window ends before.
    pub fn runs(&self, zone: &Window, after: Minute, count: usize) -> Vec<Minute> {
        let mut runs = Vec::new();
        // Two days earlier, so that the virtual time is right at `after`.
        let mut now = after - 2 * DAY;
        let mut virtual_time = zone.clock(now - 1);
        while now < zone.end && runs.len() < count {
            let clock = zone.clock(now);
            let run = match self.hr_star {
                true => self.at(clock),
                false => (virtual_time + 1..=clock).any(|minute| self.at(minute)),
            };
            if run && now > after {
                runs.push(now);
            }
            virtual_time = virtual_time.max(clock);
            now += 1;
            // No clock moves by more than a day, so in the next 24 hours it shows none but these dates.
            let date = clock.div_euclid(DAY);
            if now % 60 == 0 && (date - 1..=date + 2).all(|date| !self.on(date)) {
                now += DAY;
                virtual_time = virtual_time.max(zone.clock(now - 1));
            }
        }
        runs
    }
}

/// `get_list`: one bool for each value, counted from 0.
fn get_list(field: &str, low: usize, high: usize, names: &str) -> Vec<bool> {
    let mut bits = vec![false; high + 1];
    for range in field.split(',') {
        let (range, step) = range.split_once('/').unwrap_or((range, "1"));
        let (from, to) = match (range, range.split_once('-')) {
            ("*", _) => (low, high),
            (_, Some((from, to))) => (get_number(from, low, names), get_number(to, low, names)),
            (_, None) => (get_number(range, low, names), get_number(range, low, names)),
        };
        let mut value = from;
        while value <= to {
            bits[value] = true;
            value += step.parse::<usize>().unwrap();
        }
    }
    bits
}

fn get_number(text: &str, low: usize, names: &str) -> usize {
    let named = names.to_lowercase().find(&text.to_lowercase()).filter(|_| text.len() == 3);
    named.map_or_else(|| text.parse().unwrap(), |at| low + at / 3)
}

/// Month and day of a day since 1970: http://howardhinnant.github.io/date_algorithms.html
fn month_and_day(day: i64) -> (usize, usize) {
    let day = day + 719_468;
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let dom = of_year - (153 * month + 2) / 5 + 1;
    (if month < 10 { month + 3 } else { month - 9 } as usize, dom as usize)
}

/// A zone's offsets in a span of time, found by asking jiff at every hour, and at every minute of those in which one changes.
pub struct Window {
    /// From which minute on, how many minutes east of UTC.
    offsets: Vec<(Minute, i64)>,
    pub end: Minute,
    /// Where the last answer was found: the next is mostly there too.
    last: Cell<usize>,
}

impl Window {
    pub fn new(zone: &TimeZone, from: Minute, to: Minute) -> Self {
        let ask = |minute: Minute| {
            let seconds = i64::from(zone.to_offset(Timestamp::from_second(minute * 60).unwrap()).seconds());
            assert_eq!(seconds % 60, 0, "no clock shows seconds of its own in these years");
            seconds / 60
        };
        let mut offsets = vec![(from, ask(from))];
        for hour in (from..to).step_by(60) {
            let last = offsets[offsets.len() - 1].1;
            if ask(hour + 60) != last {
                let change = (hour..=hour + 60).find(|minute| ask(*minute) != last).unwrap();
                offsets.push((change, ask(change)));
            }
        }
        Self { offsets, end: to, last: Cell::new(0) }
    }

    /// The changes of the clock.
    pub fn changes(&self) -> impl Iterator<Item = Minute> {
        self.offsets.iter().skip(1).map(|(minute, _)| *minute)
    }

    /// What clocks show.
    fn clock(&self, minute: Minute) -> Minute {
        let mut at = self.last.get();
        if minute < self.offsets[at].0 || self.offsets.get(at + 1).is_some_and(|(next, _)| *next <= minute) {
            at = self.offsets.partition_point(|(from, _)| *from <= minute).max(1) - 1;
            self.last.set(at);
        }
        minute + self.offsets[at].1
    }
}
