//! How events lie in a segment. All numbers are little-endian; the format is described in `docs/front-door.md`.
//!
//! A segment begins with a head of 32 bytes: `BHEVENTS`, the format (u32), a CRC-32 of the 16 bytes after it, the sequence number of
//! the last event before this segment, and the one of its first event. Frames follow: length of the payload (u32), CRC-32 of length,
//! sequence, safe and payload, sequence (u64), safe (u64), payload (JSON).
//!
//! `safe` is the last event that was known to be on disk when the frame was written. It tells a frame that was being written when the
//! machine stopped, whose event nobody was told to be safe, from one that was damaged afterwards.

pub(super) const SEGMENT_HEAD: usize = 32;
pub(super) const FRAME_HEAD: usize = 24;
/// No frame is larger: a damaged length is not believed.
pub(super) const PAYLOAD_MAX: usize = 16 << 20;

const MAGIC: &[u8; 8] = b"BHEVENTS";
const FORMAT: u32 = 1;

/// One event as it lies there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub sequence: u64,
    pub safe: u64,
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Appends it to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        // Payloads are bounded far below.
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX).to_le_bytes();
        let (sequence, safe) = (self.sequence.to_le_bytes(), self.safe.to_le_bytes());
        out.extend(length);
        out.extend(checksum(&[&length, &sequence, &safe, self.payload]));
        out.extend(sequence);
        out.extend(safe);
        out.extend(self.payload);
    }

    /// The frame at the beginning of `bytes`, if a whole one stands there.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let head: &[u8; FRAME_HEAD] = bytes.first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*head.first_chunk()?)).ok()?;
        if length > PAYLOAD_MAX {
            return None;
        }
        let payload = bytes.get(FRAME_HEAD..FRAME_HEAD.checked_add(length)?)?;
        (head[4..8] == checksum(&[&head[..4], &head[8..], payload])).then_some(())?;
        Some(Self { sequence: number(&head[8..16])?, safe: number(&head[16..24])?, payload })
    }

    pub fn length(&self) -> usize {
        FRAME_HEAD + self.payload.len()
    }
}

/// The head of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The last event before; 0 for none.
    pub previous: u64,
    /// The first event in it.
    pub first: u64,
}

impl Head {
    pub fn encode(self) -> [u8; SEGMENT_HEAD] {
        let (previous, first) = (self.previous.to_le_bytes(), self.first.to_le_bytes());
        let mut head = [0; SEGMENT_HEAD];
        head[..8].copy_from_slice(MAGIC);
        head[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        head[12..16].copy_from_slice(&checksum(&[&previous, &first]));
        head[16..24].copy_from_slice(&previous);
        head[24..].copy_from_slice(&first);
        head
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let head: &[u8; SEGMENT_HEAD] = bytes.first_chunk()?;
        let known = head[..8] == *MAGIC && head[8..12] == FORMAT.to_le_bytes();
        (known && head[12..16] == checksum(&[&head[16..]])).then_some(())?;
        Some(Self { previous: number(&head[16..24])?, first: number(&head[24..])? })
    }
}

fn checksum(parts: &[&[u8]]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().to_le_bytes()
}

fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_and_a_changed_one_does_not() {
        let mut bytes = Vec::new();
        Frame { sequence: 7, safe: 6, payload: b"{}" }.encode(&mut bytes);
        assert_eq!(Frame::decode(&bytes), Some(Frame { sequence: 7, safe: 6, payload: b"{}" }));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(Frame::decode(&changed), None, "byte {at}");
            assert_eq!(Frame::decode(&bytes[..at]), None, "cut at {at}");
        }
        let head = Head { previous: 6, first: 7 };
        assert_eq!(Head::decode(&head.encode()), Some(head));
        for at in 0..SEGMENT_HEAD {
            let mut changed = head.encode();
            changed[at] ^= 1;
            assert_eq!(Head::decode(&changed), None, "byte {at}");
        }
    }
}
