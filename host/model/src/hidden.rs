//! Characters that a reader does not see, or that change what they see.

/// Whether a character is a control, a line break, or a mark that turns the direction of what follows it: none of them stands in a name, and
/// a terminal is never sent one that a stranger wrote.
pub fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
