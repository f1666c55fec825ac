//! A description that fits into what Azure DevOps takes.

/// The most characters of a description. They are counted as .NET does: in
/// units of UTF-16.
pub(super) const MOST: usize = 4000;

/// What stands in place of what was cut.
const NOTE: &str = "\n\n(The rest did not fit; it is in the commit.)\n";

const BEGIN: &str = "<!-- git-promote:begin";
const END: &str = "<!-- git-promote:end -->";

/// The text, cut at the end of a line where it is too long. The block for
/// machines stays whole, behind what is left for people.
pub(super) fn fitting(text: &str) -> String {
    if length(text) <= MOST {
        return text.to_owned();
    }
    let block = block(text).filter(|block| length(block) + length(NOTE) <= MOST);
    let block = block.unwrap_or_default();
    let people = if block.is_empty() { text.to_owned() } else { text.replacen(block, "", 1) };
    let room = MOST.saturating_sub(length(block) + length(NOTE));
    format!("{}{NOTE}{block}", lines(&people, room))
}

/// The block with both its marks.
fn block(text: &str) -> Option<&str> {
    let start = text.find(BEGIN)?;
    let end = text.get(start..)?.find(END)?;
    text.get(start..start + end + END.len())
}

/// As many whole lines as have room; of a first line that has none, its start.
fn lines(text: &str, room: usize) -> String {
    let mut left = String::new();
    for line in text.split_inclusive('\n') {
        if length(&left) + length(line) > room {
            break;
        }
        left.push_str(line);
    }
    if left.trim().is_empty() {
        let mut used = 0;
        let fits = |c: &char| {
            used += c.len_utf16();
            used <= room
        };
        left = text.chars().take_while(fits).collect();
    }
    left.trim_end().to_owned()
}

fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_left_alone() {
        let text = "ä".repeat(MOST);
        assert_eq!(fitting(&text), text);
    }

    #[test]
    fn what_is_too_long_is_cut_at_a_line() {
        let text = format!("{}\n", "a line of words").repeat(400);
        let cut = fitting(&text);
        assert!(length(&cut) <= MOST && length(&cut) > MOST - 100, "{}", length(&cut));
        assert!(cut.ends_with(&format!("a line of words{NOTE}")), "{cut}");
    }

    #[test]
    fn the_block_for_machines_stays_whole() {
        let block = format!("{BEGIN} v1 -->\n{}\n{END}", "x".repeat(1000));
        let text = format!("{}{block}\nbehind", "words\n".repeat(900));
        let cut = fitting(&text);
        assert!(length(&cut) <= MOST, "{}", length(&cut));
        assert!(cut.ends_with(&block), "{cut}");
        assert!(cut.starts_with("words\n"));
        assert_eq!(cut.matches(BEGIN).count(), 1);
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let cut = fitting(&"𝔵".repeat(MOST));
        assert!(length(&cut) <= MOST && cut.ends_with(NOTE), "{}", length(&cut));
        let block = format!("{BEGIN}{}{END}", "x".repeat(MOST));
        assert!(length(&fitting(&block)) <= MOST);
    }
}
