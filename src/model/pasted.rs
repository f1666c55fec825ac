//! Commands that are shown to be pasted, where a name looks like a flag.

/// The command with `--` before names that begin with a dash (which
/// [`quoted`](super::quoted) has put in quotes), so that they are read as names.
/// Where one is the value of a flag, it is joined to it.
pub fn pasted(command: &str) -> String {
    if !command.contains(" '-") {
        return command.to_owned();
    }
    command.split(" && ").map(one).collect::<Vec<_>>().join(" && ")
}

fn one(command: &str) -> String {
    let words = words(command);
    if words.contains(&"--") {
        return command.to_owned();
    }
    let is_name = |word: &str| word.starts_with("'-");
    let is_flag = |word: &str| word.starts_with('-');
    let (mut before, mut names): (Vec<String>, Vec<&str>) = Default::default();
    for word in words {
        let flag = before.last_mut().filter(|flag| is_flag(flag) && !flag.contains('='));
        match flag {
            Some(flag) if is_name(word) => {
                let long = if flag.starts_with("--") { "=" } else { "" };
                flag.push_str(&format!("{long}{word}"));
            }
            None if is_name(word) || !names.is_empty() && !is_flag(word) => names.push(word),
            _ => before.push(word.to_owned()),
        }
    }
    if names.is_empty() {
        return before.join(" ");
    }
    format!("{} -- {}", before.join(" "), names.join(" "))
}

/// The words of a command line, with their quotes.
fn words(command: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let ends = |c: char| {
        let end = c == ' ' && !quoted && !escaped;
        quoted ^= c == '\'' && !escaped;
        escaped = c == '\\' && !quoted && !escaped;
        end
    };
    command.split(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::quoted;

    #[test]
    fn names_like_flags_stand_behind_two_dashes() {
        let app = quoted("-rf@v1");
        assert_eq!(app, "'-rf@v1'");
        let to = |rest: &str| pasted(&format!("git promote {rest}"));
        assert_eq!(to(&format!("{app} prod")), "git promote -- '-rf@v1' prod");
        assert_eq!(
            to(&format!("{app} prod --override GP003 --reason TEXT")),
            "git promote --override GP003 --reason TEXT -- '-rf@v1' prod"
        );
        assert_eq!(to("rollback prod '-rf'"), "git promote rollback prod -- '-rf'");
        assert_eq!(to("dev prod -a '-rf'"), "git promote dev prod -a'-rf'");
        assert_eq!(to("web@v1 prod --image '-x'"), "git promote web@v1 prod --image='-x'");
        for same in ["web@v1 prod", "rollback prod 'a b' --pr", "-- '-rf' prod"] {
            assert_eq!(to(same), format!("git promote {same}"));
        }
        let odd = format!("git promote {} '-rf'", quoted("it's a"));
        assert_eq!(pasted(&odd), "git promote 'it'\\''s a' -- '-rf'");
    }
}
