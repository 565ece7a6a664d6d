//! Builds logs event by event.

use mariadb_log::{Gtid, MAGIC, State};

/// A log that is being built.
#[derive(Clone)]
pub struct Built {
    pub bytes: Vec<u8>,
    pub position: u32,
    stamp: u32,
}

pub fn state(text: &str) -> State {
    text.parse().unwrap()
}

impl Built {
    /// With checksums, after `before`.
    pub fn new(before: &str) -> Self {
        let mut log = Self { bytes: MAGIC.to_vec(), position: 4, stamp: 1000 };
        let mut format = vec![4, 0];
        format.extend([0; 50]);
        format.extend([0, 0, 0, 0, 19]);
        format.extend([0; 171]);
        format.push(1);
        log.event(15, 1, 0, &format);
        let before: Vec<Gtid> = state(before).iter().collect();
        let mut list = (before.len() as u32).to_le_bytes().to_vec();
        for gtid in before {
            list.extend(gtid.domain.to_le_bytes());
            list.extend(gtid.server.to_le_bytes());
            list.extend(gtid.sequence.to_le_bytes());
        }
        log.event(163, 1, 0, &list);
        log
    }

    pub fn at(&mut self, stamp: u32) -> &mut Self {
        self.stamp = stamp;
        self
    }

    pub fn event(&mut self, kind: u8, server: u32, flags: u16, body: &[u8]) -> &mut Self {
        let length = 19 + body.len() as u32 + 4;
        self.position += length;
        let mut event = self.stamp.to_le_bytes().to_vec();
        event.push(kind);
        event.extend(server.to_le_bytes());
        event.extend(length.to_le_bytes());
        event.extend(self.position.to_le_bytes());
        event.extend(flags.to_le_bytes());
        event.extend(body);
        event.extend(crc32fast::hash(&event).to_le_bytes());
        self.bytes.extend(event);
        self
    }

    fn gtid(&mut self, gtid: &str, flags: u8) -> &mut Self {
        let gtid: Gtid = gtid.parse().unwrap();
        let mut body = gtid.sequence.to_le_bytes().to_vec();
        body.extend(gtid.domain.to_le_bytes());
        body.push(flags);
        body.extend([0; 6]);
        self.event(162, gtid.server, 0, &body)
    }

    /// A transaction of rows.
    pub fn transaction(&mut self, gtid: &str) -> &mut Self {
        self.gtid(gtid, 0)
            .event(19, 1, 0, b"table")
            .event(23, 1, 0, format!("rows of {gtid}.").as_bytes())
            .event(16, 1, 0, &[0; 8])
    }

    /// A transaction without its end.
    pub fn half(&mut self, gtid: &str) -> &mut Self {
        self.gtid(gtid, 0).event(23, 1, 0, format!("rows of {gtid}.").as_bytes())
    }

    /// A statement that is a transaction by itself.
    pub fn statement(&mut self, gtid: &str) -> &mut Self {
        self.gtid(gtid, 1).event(5, 1, 0, &[0; 9]).event(2, 1, 0, format!("\0DDL of {gtid}.").as_bytes())
    }

    /// A statement that ran for so many seconds, and is a transaction by itself.
    pub fn long(&mut self, gtid: &str, seconds: u32) -> &mut Self {
        let mut body = vec![0; 4];
        body.extend(seconds.to_le_bytes());
        body.extend(format!("\0DDL of {gtid}.").as_bytes());
        self.gtid(gtid, 1).event(2, 1, 0, &body)
    }

    /// A transaction that ends with a statement.
    pub fn mixed(&mut self, gtid: &str) -> &mut Self {
        self.gtid(gtid, 0).event(2, 1, 0, format!("\0INSERT of {gtid}.").as_bytes()).event(2, 1, 0, b"\0COMMIT")
    }

    pub fn rotate(&mut self, next: &str) -> &mut Self {
        let mut body = 4_u64.to_le_bytes().to_vec();
        body.extend(next.as_bytes());
        self.event(4, 1, 0, &body)
    }

    pub fn stop(&mut self) -> &mut Self {
        self.event(3, 1, 0, &[])
    }
}
