//! The command line: the tree of commands, one line of dispatch each, and how
//! an answer or a failure reaches the terminal.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::command::audit::AuditArgs;
use crate::command::check::CheckArgs;
use crate::command::config::ConfigArgs;
use crate::command::demo::DemoArgs;
use crate::command::diff::DiffArgs;
use crate::command::doctor::DoctorArgs;
use crate::command::edit::EditArgs;
use crate::command::explain::ExplainArgs;
use crate::command::hold::{HoldArgs, ResumeArgs};
use crate::command::init::InitArgs;
use crate::command::log::LogArgs;
use crate::command::next::NextArgs;
use crate::command::preview::PreviewArgs;
use crate::command::promote::{PromoteArgs, RollbackArgs, ToArgs};
use crate::command::registry::RegistryArgs;
use crate::command::report::ReportArgs;
use crate::command::schema::SchemaArgs;
use crate::command::status::StatusArgs;
use crate::command::verify::VerifyArgs;
use crate::command::versions::VersionsArgs;
use crate::command::wait::WaitArgs;
use crate::command::why::WhyArgs;
use crate::command::{self, Answer, ColorChoice, Context, Exit, Failure, Front, Remark};
use crate::model::{pasted, quoted};
use crate::output::{Format, clean};

/// Move a version from one environment of a config repository to the next;
/// skipping an environment is impossible.
///
/// Without a command: promote. The last word is the environment; the words
/// before it are versions ([APP@]VERSION) or an environment whose versions are
/// meant. Without any word: the status.
#[derive(Debug, Parser)]
#[command(
    disable_version_flag = true,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    override_usage = "{program} [APP@]VERSION... ENV\n       {program} FROM ENV\n       {program} ENV\n       {program} COMMAND"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    promote: PromoteArgs,
    #[command(flatten)]
    global: GlobalArgs,
    /// Print the version
    #[arg(short = 'V', long)]
    version: bool,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
struct GlobalArgs {
    /// Run as if started in this directory
    // The id of a global argument must differ from every other argument's.
    #[arg(
        id = "chdir",
        short = 'C',
        value_name = "DIR",
        global = true,
        help_heading = "Everywhere"
    )]
    directory: Option<PathBuf>,
    /// The form of the output
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        global = true,
        default_value = "table",
        help_heading = "Everywhere"
    )]
    format: Format,
    /// Say only what is asked for
    #[arg(short = 'q', long, global = true, help_heading = "Everywhere")]
    quiet: bool,
    /// Say more
    #[arg(short = 'v', long, global = true, help_heading = "Everywhere")]
    verbose: bool,
    /// When to use colours
    #[arg(long, value_name = "WHEN", global = true, num_args = 0..=1, require_equals = true, default_missing_value = "always", help_heading = "Everywhere")]
    color: Option<ColorChoice>,
    /// Never ask; take what the command line says
    #[arg(short = 'y', long, global = true, help_heading = "Everywhere")]
    yes: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Promote into an environment whatever its name is
    To(Box<ToArgs>),
    Rollback(Box<RollbackArgs>),
    /// Who runs what, where, since when, what is next
    Status(StatusArgs),
    Diff(DiffArgs),
    /// Every version that entered an environment, newest first
    Log(LogArgs),
    /// How a version got to an environment, or what keeps it out
    Why(WhyArgs),
    /// Which versions there were of an app, and where they run
    Versions(VersionsArgs),
    /// Judge a change before it is merged: was an environment skipped?
    Check(Box<CheckArgs>),
    /// Every version in an environment that is not in the one before
    Audit(AuditArgs),
    Verify(VerifyArgs),
    Report(ReportArgs),
    /// Promote what was merged to the environments that come after it
    Next(NextArgs),
    /// Short-lived copies of an app in the first environment
    Preview(PreviewArgs),
    Registry(RegistryArgs),
    Hold(Box<HoldArgs>),
    Resume(Box<ResumeArgs>),
    /// Wait until what runs in an environment is healthy
    Wait(Box<WaitArgs>),
    /// Change image pins or markers of one file; no rules, no commit
    Edit(EditArgs),
    /// Write promote.toml from what the directories tell
    Init(InitArgs),
    /// Show or validate the config
    Config(ConfigArgs),
    /// Look for locks and for promotions that were broken off
    Doctor(DoctorArgs),
    /// Print the JSON Schema of a kind of document
    Schema(SchemaArgs),
    /// Explain a rule, or list all of them
    Explain(ExplainArgs),
    /// Make a sample config repository and show a tour of it
    Demo(DemoArgs),
    /// Print the version
    Version,
    /// Print this help, or that of a command
    Help {
        /// The command, and the one below it
        #[arg(value_name = "COMMAND")]
        commands: Vec<String>,
    },
}

/// Runs the program as its front: reads the command line, dispatches, prints.
pub fn run(front: Front) -> ExitCode {
    let args: Vec<OsString> = counted(std::env::args_os().collect());
    ExitCode::from(run_with(front, &args))
}

fn run_with(front: Front, args: &[OsString]) -> u8 {
    if front == Front::Kubectl && args.iter().skip(1).any(is_short_n) {
        let failure = Failure::usage("-n means a namespace under kubectl, and this needs none")
            .hint(rehearsal(args));
        return tell_failure(front, &failure);
    }
    let cli = match parse(front, args) {
        Ok(cli) => cli,
        Err(error) => return report_usage(front, &error),
    };
    let context = match context(front, &cli.global) {
        Ok(context) => context,
        Err(failure) => return tell_failure(front, &failure),
    };
    match dispatch(&context, cli) {
        Ok(answer) => tell(&context, &answer),
        Err(failure) => tell_failure(front, &failure),
    }
}

/// The command that was given, with what `-n` means under git.
fn rehearsal(args: &[OsString]) -> String {
    let tree = tree(Front::Kubectl);
    let given = args.iter().skip(1).find_map(|arg| tree.find_subcommand(arg));
    let mut flags = given.unwrap_or(&tree).get_arguments();
    let meant = flags.find(|flag| flag.get_short() == Some('n')).and_then(clap::Arg::get_long);
    let words = args.iter().skip(1).filter_map(|arg| match arg.to_str() {
        Some("-n") if meant.is_some() => meant.map(|long| format!("--{long}")),
        _ if is_short_n(arg) => None,
        Some(flag) if flag.starts_with('-') => Some(flag.to_owned()),
        _ => Some(quoted(&arg.to_string_lossy())),
    });
    let words: Vec<String> = words.collect();
    if words.iter().all(|word| word.starts_with('-')) {
        return "kubectl promote --dry-run VERSION ENV".to_owned();
    }
    format!("kubectl promote {}", words.join(" "))
}

/// `-n`, `-nprod`; under git it is `--dry-run`, or the number of a log.
fn is_short_n(arg: &OsString) -> bool {
    arg.as_encoded_bytes().starts_with(b"-n")
}

/// `log -5` is `log --max-count=5`, as git reads it.
fn counted(args: Vec<OsString>) -> Vec<OsString> {
    let log = args.iter().skip(1).position(|arg| arg == "log").map(|at| at + 1);
    let count = |arg: &OsString| {
        let digits = arg.to_str()?.strip_prefix('-')?;
        let number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        number.then(|| OsString::from(format!("--max-count={digits}")))
    };
    let read = |(at, arg): (usize, OsString)| match log {
        Some(log) if at > log => count(&arg).unwrap_or(arg),
        _ => arg,
    };
    args.into_iter().enumerate().map(read).collect()
}

fn tree(front: Front) -> clap::Command {
    let usage = |command: clap::Command| {
        let text = "PROGRAM [APP@]VERSION... ENV\n       PROGRAM FROM ENV\n       PROGRAM ENV\n       \
                    PROGRAM COMMAND";
        command.override_usage(text.replace("PROGRAM", front.name()))
    };
    usage(Cli::command().name(front.name()).bin_name(front.name()))
}

/// `git promote -n to staging` means `git promote to staging -n`: a command
/// behind flags is read as if it came first.
fn parse(front: Front, args: &[OsString]) -> Result<Cli, clap::Error> {
    let tree = tree(front);
    let read = |args: &[OsString]| {
        let matches = tree.clone().try_get_matches_from(args)?;
        Cli::from_arg_matches(&matches)
    };
    let is_command =
        |arg: &OsString| arg.to_str().is_some_and(|arg| tree.find_subcommand(arg).is_some());
    let first_read = read(args);
    let command = match &first_read {
        Ok(Cli { command: None, promote, .. }) => promote.words.first().map(OsString::from),
        Ok(_) => None,
        Err(_) => args.iter().skip(1).find(|arg| is_command(arg)).cloned(),
    };
    let Some(command) = command.filter(is_command) else { return first_read };
    let at = args.iter().skip(1).position(|arg| *arg == command).unwrap_or_default();
    let mut reordered = args.to_vec();
    let command = reordered.remove(at + 1);
    reordered.insert(1, command);
    match (read(&reordered), first_read) {
        (Err(_), Err(error)) => Err(error),
        (second_read, _) => second_read,
    }
}

/// Help is an answer; anything else is a misunderstanding, and ends in a hint
/// as every error does.
fn report_usage(front: Front, error: &clap::Error) -> u8 {
    if !error.use_stderr() {
        let printed = error.print();
        return if printed.is_ok() { Exit::Done as u8 } else { Exit::ClosedPipe as u8 };
    }
    let text = error.render().to_string();
    let text = text.split("\n\nFor more information").next().unwrap_or_default();
    // Nobody who mistyped a flag meant it as the name of an app.
    let misleading = |line: &&str| line.trim_start().starts_with("tip: to pass '-");
    let lines = text.lines().filter(|line| !misleading(line)).map(clean);
    let lines = lines.collect::<Vec<_>>().join("\n").replace("\n\n\n", "\n\n");
    let _ = writeln!(std::io::stderr(), "{}", lines.trim_end());
    let commands = tree(front);
    let mut words = std::env::args().skip(1);
    let command = words.find(|word| commands.find_subcommand(word).is_some());
    let command = command.map(|command| format!(" {command}")).unwrap_or_default();
    say(front, &Remark::Hint(format!("{} help{command}", front.name())));
    Exit::Usage as u8
}

fn context(front: Front, global: &GlobalArgs) -> Result<Context, Failure> {
    let here = std::env::current_dir().map_err(|error| {
        Failure::new(Exit::Git, format!("Unable to read current working directory: {error}"))
    })?;
    let directory = global.directory.as_ref().map_or(here.clone(), |dir| here.join(dir));
    if let Err(error) = std::fs::metadata(&directory) {
        let shown = global.directory.as_deref().unwrap_or(&directory).display().to_string();
        let message = format!("cannot change to '{shown}': {error}");
        return Err(Failure::new(Exit::Git, message).hint("git promote -C DIRECTORY status"));
    }
    let interactive =
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !global.yes;
    Ok(Context {
        front,
        directory,
        format: global.format,
        color: global.color,
        quiet: global.quiet,
        verbose: global.verbose,
        interactive,
        now: jiff::Timestamp::now().as_second(),
    })
}

fn dispatch(context: &Context, cli: Cli) -> Result<Answer, Failure> {
    let commands: Vec<String> = tree(context.front)
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    match cli.command {
        None if cli.version => Ok(Answer::done(version(context.front))),
        None if cli.promote.words.is_empty() => {
            command::promote::status_instead(context, &cli.promote.common)
        }
        None => command::promote::run(context, &cli.promote, &commands),
        Some(Command::To(args)) => command::promote::run_to(context, &args),
        Some(Command::Rollback(args)) => command::promote::run_rollback(context, &args),
        Some(Command::Status(args)) => command::status::run(context, &args),
        Some(Command::Diff(args)) => command::diff::run(context, &args),
        Some(Command::Log(args)) => command::log::run(context, &args),
        Some(Command::Why(args)) => command::why::run(context, &args),
        Some(Command::Versions(args)) => command::versions::run(context, &args),
        Some(Command::Check(args)) => command::check::run(context, &args),
        Some(Command::Audit(args)) => command::audit::run(context, &args),
        Some(Command::Verify(args)) => command::verify::run(context, &args),
        Some(Command::Report(args)) => command::report::run(context, &args),
        Some(Command::Next(args)) => command::next::run(context, &args),
        Some(Command::Hold(args)) => command::hold::hold(context, &args),
        Some(Command::Resume(args)) => command::hold::resume(context, &args),
        Some(Command::Preview(args)) => command::preview::run(context, &args),
        Some(Command::Registry(args)) => command::registry::run(context, &args),
        Some(Command::Wait(args)) => command::wait::run(context, &args),
        Some(Command::Edit(args)) => command::edit::run(context, &args),
        Some(Command::Init(args)) => command::init::run(context, &args),
        Some(Command::Config(args)) => command::config::run(context, &args),
        Some(Command::Doctor(args)) => command::doctor::run(context, &args),
        Some(Command::Schema(args)) => command::schema::run(&args),
        Some(Command::Explain(args)) => command::explain::run(context, &args),
        Some(Command::Demo(args)) => command::demo::run(context, &args),
        Some(Command::Version) => Ok(Answer::done(version(context.front))),
        Some(Command::Help { commands: asked }) => help(context.front, &asked, &commands),
    }
}

fn version(front: Front) -> String {
    format!("{} {}\n", front.name(), env!("CARGO_PKG_VERSION"))
}

fn help(front: Front, asked: &[String], commands: &[String]) -> Result<Answer, Failure> {
    let mut tree = tree(front);
    tree.build();
    let mut found = &mut tree;
    for name in asked {
        found = found.find_subcommand_mut(name).ok_or_else(|| {
            let near = crate::model::nearest::nearest(name, commands.iter().map(String::as_str));
            Failure::usage(format!("there is no command `{}`", asked.join(" ")))
                .maybe_hint(near.map(|near| format!("{} help {near}", front.name())))
        })?;
    }
    Ok(Answer::done(found.render_long_help().to_string()))
}

/// Notes, then standard output, then what follows from it; a closed pipe is
/// silent.
fn tell(context: &Context, answer: &Answer) -> u8 {
    let (notes, rest): (Vec<&Remark>, Vec<&Remark>) =
        answer.remarks.iter().partition(|remark| matches!(remark, Remark::Note(_)));
    for note in notes.into_iter().filter(|_| !context.quiet) {
        say(context.front, note);
    }
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(answer.text.as_bytes()).and_then(|()| out.flush()) {
        return unwritten(context, &error);
    }
    for remark in rest {
        // Who is refused is told the way out, however quiet it shall be.
        let done = answer.exit == Exit::Done;
        let quiet = match remark {
            Remark::Hint(_) => context.quiet && done,
            Remark::Note(_) | Remark::Warning(_) | Remark::Error(_) => false,
        };
        if !quiet {
            say(context.front, remark);
        }
    }
    answer.exit as u8
}

/// Whoever closed the pipe has seen enough; anything else is said, since what
/// was asked for may be done all the same.
fn unwritten(context: &Context, error: &std::io::Error) -> u8 {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        return Exit::ClosedPipe as u8;
    }
    say(context.front, &Remark::Error(format!("cannot write the output: {error}")));
    say(context.front, &Remark::Hint(format!("{} status", context.front.name())));
    Exit::Partly as u8
}

fn tell_failure(front: Front, failure: &Failure) -> u8 {
    say(front, &Remark::Error(failure.message.clone()));
    if failure.hints.is_empty() {
        say(front, &Remark::Hint(format!("{} help", front.name())));
    }
    for hint in &failure.hints {
        say(front, &Remark::Hint(hint.clone()));
    }
    failure.exit as u8
}

/// One remark on standard error. Nobody is left to tell if that is closed.
fn say(front: Front, remark: &Remark) {
    let (label, text) = match remark {
        Remark::Note(text) => ("note", text.clone()),
        Remark::Warning(text) => ("warning", text.clone()),
        Remark::Error(text) => ("error", text.clone()),
        Remark::Hint(text) => ("hint", pasted(&front.commands(text))),
    };
    // A command is one line, whatever the names in it hold.
    let lines: Vec<String> = match remark {
        Remark::Hint(_) => vec![clean(&text)],
        _ => text.lines().map(clean).collect(),
    };
    let _ = writeln!(std::io::stderr(), "{label}: {}", lines.join("\n  "));
}
