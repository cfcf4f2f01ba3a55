//! Every command of the panel, once: its name, words, keys and where it applies.
//!
//! The key map, the palette, the help screen, the hint line and the mouse all read [`ACTIONS`].
//! A new command is one variant, one row there, and one arm where it is carried out.

use super::view::View;

/// A named command.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // Each is described by its row in ACTIONS.
pub enum Action {
    Show(View),
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Left,
    Right,
    Open,
    Back,
    Quit,
    NextPane,
    PreviousPane,
    Zoom,
    Grow,
    Shrink,
    NextTab,
    PreviousTab,
    Filter,
    NextMatch,
    PreviousMatch,
    SortNext,
    SortReverse,
    Mark,
    MarkAll,
    Palette,
    Help,
    Redraw,
    Suspend,
    Logs,
    Stats,
    Inspect,
    Copy,
    CopyCommand,
    ToggleStats,
    ToggleStopped,
    Restart,
    StopStart,
    Pause,
    Kill,
    Remove,
    Rename,
    Prune,
    StackUp,
    StackDown,
    Pull,
    Follow,
    Wrap,
    Timestamps,
    OnlyMatches,
    Pretty,
    Since,
    Save,
    Reveal,
    FoldAll,
    Cancel,
    Theme,
    Host,
    Reconnect,
    DiskUse,
    Terminal,
    TerminalAs,
    Terminals,
    LeaveTerminal,
    CloseTerminal,
    DebugShell,
    SelectCells,
    SelectLines,
    NewSession,
    Inside,
    Outside,
    ExtendSession,
    EndSession,
    Request,
    Forward,
    /// The user's own command of that number in the config.
    Custom(usize),
}

/// Where a key means something. The most special scope that has a key for a chord wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Everywhere.
    Anywhere,
    /// A list has the focus.
    List,
    /// The detail pane has the focus.
    Detail,
    /// The log pane has the focus.
    Logs,
    /// A pane with a tree or text has the focus.
    Text,
    /// A terminal has the focus, but its program does not get the keys.
    Terminal,
    /// A terminal's program gets the keys.
    Program,
    /// A terminal's program is over.
    Over,
    /// A terminal was wanted where there is no shell.
    NoShell,
    /// The selected row is a container, or a service of one.
    Container,
    /// The selected row is a stack or a service with several containers.
    Stack,
    /// The view of sessions is open.
    Sessions,
    /// The selected row is a session.
    Session,
    /// The Docker within a session is looked at.
    Inside,
    /// The selected row is an image.
    Image,
    /// The selected row is a network.
    Network,
    /// The selected row is a volume.
    Volume,
    /// The selected row is a task.
    Task,
}

impl Scope {
    /// A heading for the help screen.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Anywhere => "Anywhere",
            Self::List => "Lists",
            Self::Detail => "Detail pane",
            Self::Logs => "Logs",
            Self::Text => "Inspect, Env and other text",
            Self::Terminal => "Terminals, outside their program",
            Self::Program => "Inside a terminal",
            Self::Over => "A terminal whose program is over",
            Self::NoShell => "A container without a shell",
            Self::Container => "Containers",
            Self::Stack => "Stacks and services",
            Self::Sessions => "Sessions",
            Self::Session => "A session",
            Self::Inside => "Within a session",
            Self::Image => "Images",
            Self::Network => "Networks",
            Self::Volume => "Volumes",
            Self::Task => "Tasks",
        }
    }
}

/// One row of the table of actions.
#[derive(Debug)]
pub struct Entry {
    /// The command.
    pub action: Action,
    /// Its name in the config and the palette.
    pub name: &'static str,
    /// One or two words for the hint line.
    pub short: &'static str,
    /// What it does, for palette and help.
    pub about: &'static str,
    /// Where it applies.
    pub scope: Scope,
    /// Its keys, unless the user's config says otherwise.
    pub keys: &'static [&'static str],
    /// How much it deserves a place in the hint line; 0 never gets one.
    pub hint: u8,
    /// Whether it changes something in Docker.
    pub writes: bool,
}

const fn entry(
    scope: Scope,
    action: Action,
    name: &'static str,
    keys: &'static [&'static str],
    hint: u8,
    short: &'static str,
    about: &'static str,
) -> Entry {
    Entry { action, name, short, about, scope, keys, hint, writes: false }
}

const fn writes(mut e: Entry) -> Entry {
    e.writes = true;
    e
}

use Scope::{
    Anywhere, Container, Detail, Image, Inside, List, Logs, Network, NoShell, Over, Program, Session, Sessions, Stack,
    Task, Terminal, Text, Volume,
};

/// All actions. The order is that of the hint line (within one weight), the palette and the help screen.
pub static ACTIONS: &[Entry] = &[
    // Sessions.
    entry(Session, Action::Inside, "inside", &["enter"], 9, "its Docker", "Show the Docker within, in all views"),
    writes(entry(
        Sessions,
        Action::NewSession,
        "new-session",
        &["n"],
        8,
        "new",
        "Start a session, or resume a workspace",
    )),
    writes(entry(
        Session,
        Action::ExtendSession,
        "extend-session",
        &["+"],
        7,
        "15 min more",
        "Let it live 15 minutes longer",
    )),
    writes(entry(
        Session,
        Action::EndSession,
        "end-session",
        &["d"],
        6,
        "end",
        "End it now; its Docker is lost, /workspace is kept",
    )),
    writes(entry(
        Session,
        Action::Terminal,
        "terminal",
        &["t"],
        8,
        "terminal",
        "Open a shell in it, or go back to the one there",
    )),
    writes(entry(
        Session,
        Action::TerminalAs,
        "terminal-as",
        &["T"],
        0,
        "terminal as",
        "Run a command in it, as a user, in a directory",
    )),
    entry(Session, Action::Logs, "logs", &["l"], 5, "logs", "Read what its Docker says"),
    entry(Session, Action::Request, "request", &["w"], 5, "ask service", "Send a request to the service in it"),
    writes(entry(
        Session,
        Action::Forward,
        "forward",
        &["f"],
        4,
        "forward",
        "Let a port of this machine lead to one of it",
    )),
    entry(Session, Action::Stats, "stats", &["c"], 3, "charts", "Show charts of CPU, memory, network and disk"),
    writes(entry(
        Inside,
        Action::ExtendSession,
        "extend-session",
        &["+"],
        4,
        "15 min more",
        "Let the session live 15 minutes longer",
    )),
    entry(Inside, Action::Outside, "leave-session", &[], 0, "host", "Back to the host that carries the session"),
    // What a row can do.
    entry(List, Action::Open, "open", &["enter"], 9, "open", "Open what is selected, or go into its detail pane"),
    entry(Container, Action::Logs, "logs", &["l"], 8, "logs", "Read its logs; of all marked containers together"),
    entry(Stack, Action::Logs, "logs", &["l"], 8, "logs", "Read the logs of all its containers, merged by time"),
    writes(entry(
        Container,
        Action::Terminal,
        "terminal",
        &["t"],
        8,
        "terminal",
        "Open a terminal in it, or go back to the open one",
    )),
    writes(entry(
        Container,
        Action::TerminalAs,
        "terminal-as",
        &["T"],
        0,
        "terminal as",
        "Open a terminal with a command, as a user, or in a directory",
    )),
    writes(entry(
        Stack,
        Action::Terminal,
        "terminal",
        &["t"],
        5,
        "terminal",
        "Open a terminal in its first running container",
    )),
    writes(entry(
        Stack,
        Action::TerminalAs,
        "terminal-as",
        &["T"],
        0,
        "terminal as",
        "Open a terminal with a command, as a user, or in a directory",
    )),
    writes(entry(Container, Action::Restart, "restart", &["r"], 7, "restart", "Restart")),
    writes(entry(
        Stack,
        Action::Restart,
        "restart",
        &["r"],
        7,
        "restart",
        "Restart all its services in dependency order",
    )),
    writes(entry(Container, Action::StopStart, "stop-start", &["s"], 7, "stop", "Stop what runs, start what does not")),
    writes(entry(
        Stack,
        Action::StopStart,
        "stop-start",
        &["s"],
        7,
        "stop",
        "Stop the stack, or start it when nothing of it runs",
    )),
    writes(entry(Stack, Action::StackUp, "up", &["u"], 6, "up", "Create and start all that its compose file names")),
    writes(entry(
        Stack,
        Action::StackDown,
        "down",
        &["D"],
        5,
        "down",
        "Remove its containers and networks; volumes stay",
    )),
    writes(entry(Stack, Action::Pull, "pull", &["P"], 4, "pull", "Pull newer images for its services")),
    writes(entry(Container, Action::Pause, "pause", &["p"], 3, "pause", "Freeze its processes, or let them go on")),
    writes(entry(Container, Action::Kill, "kill", &["ctrl-k"], 2, "kill", "Send a signal")),
    writes(entry(Container, Action::Rename, "rename", &["f2"], 1, "rename", "Give it another name")),
    writes(entry(Container, Action::Remove, "remove", &["d"], 5, "remove", "Remove the container")),
    writes(entry(Image, Action::Remove, "remove", &["d"], 6, "remove", "Remove the image")),
    writes(entry(Network, Action::Remove, "remove", &["d"], 6, "remove", "Remove the network")),
    writes(entry(Volume, Action::Remove, "remove", &["d"], 6, "remove", "Remove the volume and what it holds")),
    writes(entry(List, Action::Prune, "prune", &["X"], 4, "prune", "Remove what is unused here, after saying what")),
    entry(Container, Action::Stats, "stats", &["c"], 3, "charts", "Show charts of CPU, memory, network and disk"),
    entry(Stack, Action::Stats, "stats", &["c"], 3, "charts", "Show charts of all its containers together"),
    entry(List, Action::Inspect, "inspect", &["i"], 3, "inspect", "Show everything the engine knows of it"),
    entry(Task, Action::Cancel, "cancel", &["ctrl-x"], 8, "cancel", "Cancel the running task"),
    entry(
        Task,
        Action::CopyCommand,
        "copy-command",
        &["c"],
        7,
        "copy command",
        "Copy the docker command that does the same",
    ),
    // Lists.
    entry(List, Action::Filter, "filter", &["/"], 6, "filter", "Show only rows that match, fuzzily, as you type"),
    entry(List, Action::Mark, "mark", &["space"], 4, "mark", "Mark the row; actions then take all marked ones"),
    entry(List, Action::MarkAll, "mark-all", &["ctrl-a"], 0, "mark all", "Mark all rows shown, or none when all are"),
    entry(List, Action::SortNext, "sort", &["o"], 2, "sort", "Sort by the next column"),
    entry(List, Action::SortReverse, "sort-reverse", &["O"], 0, "reverse", "Turn the order round"),
    entry(
        List,
        Action::ToggleStopped,
        "toggle-stopped",
        &["H"],
        1,
        "hide stopped",
        "Hide what is stopped, or show it again",
    ),
    entry(List, Action::Left, "left", &["left", "h"], 0, "fold", "Fold the branch, or go to its top"),
    entry(List, Action::Right, "right", &["right"], 0, "unfold", "Unfold the branch, or go into the detail pane"),
    // Logs.
    entry(Logs, Action::Filter, "filter", &["/"], 9, "search", "Search with a regular expression as you type"),
    entry(Logs, Action::NextMatch, "next-match", &["n"], 5, "next", "Go to the next match"),
    entry(Logs, Action::PreviousMatch, "previous-match", &["N"], 0, "previous", "Go to the match before"),
    entry(
        Logs,
        Action::OnlyMatches,
        "only-matches",
        &["&"],
        7,
        "only matches",
        "Show only the lines that match, or all again",
    ),
    entry(Logs, Action::Follow, "follow", &["f"], 8, "follow", "Follow the newest line, or stand still"),
    entry(Logs, Action::Wrap, "wrap", &["w"], 6, "wrap", "Wrap long lines, or cut them"),
    entry(Logs, Action::Timestamps, "timestamps", &["T"], 5, "times", "Show times: of day, in full, or none"),
    entry(Logs, Action::Pretty, "pretty", &["J"], 4, "JSON", "Lay out JSON lines over several rows"),
    entry(Logs, Action::Since, "since", &["@"], 3, "since", "Show only a span of time, such as 10m or 2h..1h"),
    entry(Logs, Action::Save, "save", &["ctrl-s"], 4, "save", "Save the whole log to a file"),
    // Terminals.
    entry(
        Program,
        Action::LeaveTerminal,
        "leave-terminal",
        &["ctrl-]"],
        9,
        "leave",
        "Out of the program, which goes on; all other keys are its own",
    ),
    entry(Over, Action::Open, "open", &["enter"], 9, "start again", "Start the program again"),
    entry(
        NoShell,
        Action::DebugShell,
        "debug-shell",
        &["enter", "d"],
        9,
        "debug shell",
        "Open a shell beside a container that has none",
    ),
    entry(Over, Action::CloseTerminal, "close-terminal", &["x"], 5, "close", "Close the terminal"),
    entry(Over, Action::LeaveTerminal, "leave-terminal", &["ctrl-]", "esc"], 8, "leave", "Back to the list"),
    entry(Terminal, Action::Open, "open", &["enter"], 9, "go in", "Give the program the keys, or start it again"),
    entry(
        Terminal,
        Action::Filter,
        "filter",
        &["/"],
        7,
        "search",
        "Search in all that is kept, with a regular expression",
    ),
    entry(Terminal, Action::NextMatch, "next-match", &["n"], 0, "next", "Go to the next match downwards"),
    entry(Terminal, Action::PreviousMatch, "previous-match", &["N"], 0, "previous", "Go to the next match upwards"),
    entry(Terminal, Action::SelectCells, "select", &["v"], 6, "select", "Select with the keys that move"),
    entry(Terminal, Action::SelectLines, "select-lines", &["V"], 0, "select lines", "Select whole lines"),
    entry(Terminal, Action::Copy, "copy", &["y"], 5, "copy", "Copy what is selected, or the screen, also over SSH"),
    entry(Terminal, Action::Left, "left", &["left", "h"], 0, "left", "Move the end of the selection to the left"),
    entry(Terminal, Action::Right, "right", &["right", "l"], 0, "right", "Move the end of the selection to the right"),
    entry(Terminal, Action::PreviousTab, "previous-tab", &["["], 0, "terminal", "Show the terminal before"),
    entry(Terminal, Action::NextTab, "next-tab", &["]"], 3, "terminals", "Show the next terminal"),
    writes(entry(
        Terminal,
        Action::Terminal,
        "terminal",
        &["t"],
        4,
        "another",
        "Open another terminal in the same container",
    )),
    writes(entry(
        Terminal,
        Action::TerminalAs,
        "terminal-as",
        &["T"],
        0,
        "terminal as",
        "Open one with a command, as a user, or in a directory",
    )),
    entry(
        Terminal,
        Action::CloseTerminal,
        "close-terminal",
        &["x"],
        6,
        "close",
        "End the program and close the terminal",
    ),
    entry(
        Terminal,
        Action::LeaveTerminal,
        "leave-terminal",
        &["ctrl-]"],
        0,
        "send it",
        "Right after leaving: send this key to the program",
    ),
    // Text panes.
    entry(Text, Action::Filter, "filter", &["/"], 9, "search", "Search as you type"),
    entry(Text, Action::NextMatch, "next-match", &["n"], 5, "next", "Go to the next match"),
    entry(Text, Action::PreviousMatch, "previous-match", &["N"], 0, "previous", "Go to the match before"),
    entry(Text, Action::Open, "open", &["enter"], 7, "fold", "Fold or unfold the branch"),
    entry(Text, Action::FoldAll, "fold-all", &["F"], 4, "fold all", "Fold everything, or unfold it"),
    entry(Text, Action::Reveal, "reveal", &["x"], 6, "show secrets", "Show masked values, or hide them again"),
    // The detail pane.
    entry(Detail, Action::PreviousTab, "previous-tab", &["[", "left"], 0, "tab", "Show the tab before"),
    entry(Detail, Action::NextTab, "next-tab", &["]", "right"], 8, "tabs", "Show the next tab"),
    entry(Anywhere, Action::Copy, "copy", &["y"], 3, "copy", "Copy the name or the line, also over SSH"),
    // Everywhere.
    entry(Anywhere, Action::Up, "up-row", &["up", "k"], 0, "up", "One row up"),
    entry(Anywhere, Action::Down, "down-row", &["down", "j"], 0, "down", "One row down"),
    entry(Anywhere, Action::PageUp, "page-up", &["pageup", "ctrl-u", "ctrl-b"], 0, "page up", "Half a page up"),
    entry(
        Anywhere,
        Action::PageDown,
        "page-down",
        &["pagedown", "ctrl-d", "ctrl-f"],
        0,
        "page down",
        "Half a page down",
    ),
    entry(
        Anywhere,
        Action::First,
        "first",
        &["g", "home"],
        0,
        "first",
        "The first row; in logs the first line there is",
    ),
    entry(Anywhere, Action::Last, "last", &["G", "end"], 0, "last", "The last row; in logs the newest line"),
    entry(Anywhere, Action::NextPane, "next-pane", &["tab"], 2, "pane", "Go to the next pane"),
    entry(Anywhere, Action::PreviousPane, "previous-pane", &["shift-tab"], 0, "pane", "Go to the pane before"),
    entry(Anywhere, Action::Zoom, "zoom", &["z"], 1, "zoom", "Give the pane the whole screen, or give it back"),
    entry(Anywhere, Action::Grow, "grow", &["+", "="], 0, "wider", "Make the list wider"),
    entry(Anywhere, Action::Shrink, "shrink", &["-", "_"], 0, "narrower", "Make the list narrower"),
    entry(Anywhere, Action::Palette, "palette", &[":", "ctrl-p"], 6, "commands", "Find any command by its name"),
    entry(Anywhere, Action::Help, "help", &["?", "f1"], 6, "help", "Show the keys of where you are"),
    entry(Anywhere, Action::Back, "back", &["esc"], 0, "back", "One step back"),
    entry(
        Anywhere,
        Action::Quit,
        "quit",
        &["q", "ctrl-c"],
        1,
        "quit",
        "Leave; asks when a task or a terminal is running",
    ),
    entry(Anywhere, Action::Show(View::Deck), "deck", &["1"], 0, "Deck", "What needs attention, and the host"),
    entry(
        Anywhere,
        Action::Show(View::Stacks),
        "stacks",
        &["2"],
        0,
        "Stacks",
        "Compose stacks, their services and containers",
    ),
    entry(Anywhere, Action::Show(View::Containers), "containers", &["3"], 0, "Containers", "All containers"),
    entry(
        Anywhere,
        Action::Show(View::Sessions),
        "sessions",
        &["4"],
        0,
        "Sessions",
        "Machines with a Docker of their own, that end by themselves",
    ),
    entry(Anywhere, Action::Show(View::Images), "images", &["6"], 0, "Images", "Images and their layers"),
    entry(Anywhere, Action::Show(View::Networks), "networks", &["7"], 0, "Networks", "Networks and who is attached"),
    entry(Anywhere, Action::Show(View::Volumes), "volumes", &["8"], 0, "Volumes", "Volumes and who uses them"),
    entry(Anywhere, Action::Show(View::Activity), "activity", &["0"], 0, "Activity", "Tasks and the engine's events"),
    entry(Anywhere, Action::Terminals, "terminals", &["ctrl-t"], 0, "terminals", "Go to one of the open terminals"),
    entry(Anywhere, Action::Theme, "theme", &[], 0, "theme", "Choose another theme"),
    entry(Anywhere, Action::Host, "host", &["ctrl-o"], 0, "host", "Switch to another host or context"),
    entry(
        Anywhere,
        Action::ToggleStats,
        "toggle-stats",
        &[],
        0,
        "stats",
        "Stop reading statistics, or read them again",
    ),
    entry(
        Anywhere,
        Action::Reconnect,
        "reconnect",
        &["f5"],
        0,
        "reconnect",
        "Reach the engine now, and list everything afresh",
    ),
    entry(Anywhere, Action::DiskUse, "disk-use", &["%"], 0, "disk", "Measure disk use of images, volumes, build cache"),
    entry(Anywhere, Action::Redraw, "redraw", &["ctrl-l"], 0, "redraw", "Draw the whole screen again"),
    entry(Anywhere, Action::Suspend, "suspend", &["ctrl-z"], 0, "suspend", "Back to the shell; fg returns"),
];

/// The first row of an action.
pub fn find(action: &Action) -> Option<&'static Entry> {
    ACTIONS.iter().find(|e| e.action == *action)
}
