//! `--watch`: the status again and again. On a terminal only the lines that
//! changed are drawn anew; elsewhere what changed is printed as a whole.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use unicode_width::UnicodeWidthChar;

use crate::gate::short_id;
use crate::git::{ObjectId, Repository};
use crate::output::{Format, clean, day};

use super::super::{Answer, Context, Exit, Failure, Remark};
use super::{Seen, StatusArgs, render, see};

/// How often it is asked whether to end.
const SLICE: Duration = Duration::from_millis(50);
/// The other screen of the terminal, without a cursor, and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// Looks until it is told to end.
pub(super) fn watch(
    context: &Context,
    args: &StatusArgs,
    interval: Duration,
) -> Result<Answer, Failure> {
    let ended = signals();
    let mut seen = see(context, args)?;
    let mut tip = tip(context);
    let people = matches!(context.format, Format::Table | Format::Wide);
    let mut screen: Box<dyn View> = if std::io::stdout().is_terminal() && people {
        Box::new(Screen::default())
    } else {
        Box::new(Blocks { people, told: None })
    };
    let mut out = std::io::stdout().lock();
    let exit = loop {
        let now = jiff::Timestamp::now().as_second();
        seen.report.now = now;
        let view = Shown { context, args, now, seen: &seen };
        if screen.show(&mut out, &view).and_then(|()| out.flush()).is_err() {
            break Exit::ClosedPipe;
        }
        if let Some(exit) = pause(&ended, interval) {
            break exit;
        }
        let there = self::tip(context);
        // What did not move is not read again, but a cluster has no tip.
        if there != tip || args.live {
            match see(context, args) {
                Ok(fresh) => (seen, tip) = (fresh, there),
                Err(failure) => seen.remarks = vec![Remark::Warning(failure.message)],
            }
        }
    };
    // Nobody is left to tell if that is closed.
    let _ = screen.end(&mut out).and_then(|()| out.flush());
    Ok(Answer { exit, ..Answer::done(String::new()) })
}

fn tip(context: &Context) -> Option<ObjectId> {
    Repository::open(&context.directory).ok()?.head().ok()?.commit
}

/// Where the number of a signal is noted that asks for an end.
fn signals() -> Arc<AtomicUsize> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let ended = Arc::new(AtomicUsize::new(0));
    for signal in [SIGINT, SIGTERM] {
        let number = usize::try_from(signal).unwrap_or_default();
        // Where this fails, a signal ends the process as any other does.
        let _default = signal_hook::flag::register_usize(signal, ended.clone(), number);
    }
    ended
}

/// Waits; gives how to end where that was asked for.
fn pause(ended: &AtomicUsize, interval: Duration) -> Option<Exit> {
    let until = Instant::now() + interval;
    loop {
        match ended.load(Ordering::SeqCst) {
            0 => {}
            15 => return Some(Exit::Terminated),
            _ => return Some(Exit::Interrupted),
        }
        let rest = until.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return None;
        }
        std::thread::sleep(rest.min(SLICE));
    }
}

/// What there is to show.
struct Shown<'a> {
    context: &'a Context,
    args: &'a StatusArgs,
    now: i64,
    seen: &'a Seen,
}

impl Shown<'_> {
    /// The status, and for people what was remarked.
    fn text(&self) -> String {
        let mut text = render(self.context, &self.seen.report, self.args.all);
        for remark in &self.seen.remarks {
            let (label, words) = match remark {
                Remark::Note(_) if self.context.quiet => continue,
                Remark::Note(words) => ("note", words),
                Remark::Warning(words) => ("warning", words),
                Remark::Error(words) => ("error", words),
                Remark::Hint(words) => ("hint", words),
            };
            text.push_str(&format!("\n{label}: {}", clean(words)));
        }
        text
    }

    fn heading(&self) -> String {
        format!("{}  {}", day(self.now), short_id(&self.seen.base))
    }
}

/// Somewhere to show it.
trait View {
    fn show(&mut self, out: &mut dyn Write, shown: &Shown<'_>) -> std::io::Result<()>;

    fn end(&mut self, _out: &mut dyn Write) -> std::io::Result<()> {
        Ok(())
    }
}

/// One text below the other, each as a whole, where there is news.
struct Blocks {
    people: bool,
    told: Option<Seen>,
}

impl View for Blocks {
    fn show(&mut self, out: &mut dyn Write, shown: &Shown<'_>) -> std::io::Result<()> {
        let is_news = self.told.as_ref().is_none_or(|told| told.differs(shown.seen));
        if !is_news {
            return Ok(());
        }
        if self.people {
            let gap = if self.told.is_some() { "\n" } else { "" };
            writeln!(out, "{gap}{}\n{}", shown.heading(), shown.text().trim_end())?;
        } else {
            out.write_all(render(shown.context, &shown.seen.report, true).as_bytes())?;
        }
        self.told = Some(shown.seen.clone());
        Ok(())
    }
}

/// The other screen of a terminal.
#[derive(Default)]
struct Screen {
    size: (usize, usize),
    lines: Vec<String>,
}

impl View for Screen {
    fn show(&mut self, out: &mut dyn Write, shown: &Shown<'_>) -> std::io::Result<()> {
        let size = terminal_size::terminal_size();
        let size = size.map_or((80, 24), |(w, h)| (usize::from(w.0), usize::from(h.0)));
        if self.size == (0, 0) {
            out.write_all(ENTER.as_bytes())?;
        }
        if self.size != size {
            out.write_all(b"\x1b[2J")?;
            (self.size, self.lines) = (size, Vec::new());
        }
        let text = format!("{}\n\n{}", shown.heading(), shown.text());
        let lines = fitting(&text, size);
        for (row, line) in changed(&self.lines, &lines) {
            write!(out, "\x1b[{};1H\x1b[2K{line}", row + 1)?;
        }
        self.lines = lines;
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write) -> std::io::Result<()> {
        out.write_all(LEAVE.as_bytes())
    }
}

/// The lines as far as they fit; the last one says how many do not.
fn fitting(text: &str, (width, height): (usize, usize)) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(|line| cut(line, width)).collect();
    if lines.len() > height && height > 1 {
        let more = lines.len() - height + 1;
        lines.truncate(height - 1);
        lines.push(cut(&format!("and {more} more lines"), width));
    }
    lines
}

fn cut(line: &str, width: usize) -> String {
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or_default();
        used <= width
    };
    line.chars().take_while(fits).collect()
}

/// The rows that have to be drawn, and what is to stand there.
fn changed<'l>(old: &[String], new: &'l [String]) -> Vec<(usize, &'l str)> {
    let rows = old.len().max(new.len());
    let at = |row: usize| new.get(row).map_or("", String::as_str);
    let differs = |row: &usize| old.get(*row).map(String::as_str) != Some(at(*row));
    (0..rows).filter(differs).map(|row| (row, at(row))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn only_what_changed_is_drawn() {
        let (old, new) = (lines("a\nb\nc\nd"), lines("a\nB\nc"));
        assert_eq!(changed(&old, &new), [(1, "B"), (3, "")]);
        assert_eq!(changed(&[], &new).len(), 3);
        assert_eq!(changed(&new, &new), []);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        assert_eq!(fitting("one\ntwo\nthree", (4, 2)), ["one", "and "]);
        assert_eq!(fitting("größe\n", (3, 5)), ["grö"]);
        assert_eq!(fitting("a\nb\nc\nd", (30, 3)), ["a", "b", "and 2 more lines"]);
    }
}
