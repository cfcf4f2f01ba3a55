//! Whether what a host carries works, and if not: what, since when, why, and what to try.
//!
//! Layers, each only where those before it are well: the container itself → its own healthcheck → a probe of ours →
//! what it needs. What fails because something else does stands under that one.

mod causes;
mod facts;
mod gather;
mod heal;
mod history;
mod look;
mod machine;
mod monitor;
mod narrow;
mod notify;
mod probe;
mod relate;
mod report;

pub use heal::{Healed, Healer, LABEL as HEAL_LABEL, Outcome, Plan, plan, wanted};
pub use history::{Course, Share, WHOLE, course, stack};
pub use look::{Picture, look, look_at};
pub use monitor::Monitor;
pub use notify::{Delivery, ENGINE, HOST, Herald, Kind, Notice, Settling};
pub use probe::{Probed, Prober, probe};
pub use report::{Blame, Finding, Layer, Level, Report, StackVerdict, Verdict};

/// A kind of trouble: its name, which stays, and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// Its name.
    pub code: &'static str,
    /// What it means, in a few words.
    pub about: &'static str,
}

/// All kinds of trouble.
pub const CAUSES: &[Cause] = &[
    Cause { code: "OOM_KILLED", about: "the kernel killed it for want of memory" },
    Cause { code: "OOM_INSIDE", about: "the kernel killed one of its processes for want of memory" },
    Cause { code: "MEMORY_NEAR_LIMIT", about: "hardly any memory is left below its limit" },
    Cause { code: "CPU_THROTTLED", about: "its limit of processor time holds it back" },
    Cause { code: "CRASH_LOOP", about: "it ends and is started again and again" },
    Cause { code: "EXITED", about: "its program ended with an error" },
    Cause { code: "CRASHED", about: "its program was ended by a fault (segmentation fault, abort)" },
    Cause { code: "KILLED", about: "it was killed, and not for want of memory" },
    Cause { code: "COMMAND_NOT_FOUND", about: "its program is not there" },
    Cause { code: "NOT_EXECUTABLE", about: "its program cannot be executed" },
    Cause { code: "PORT_TAKEN", about: "the host's port that it wants is taken" },
    Cause { code: "MOUNT_MISSING", about: "what it wants to mount is not there" },
    Cause { code: "IMAGE_MISSING", about: "its image is not on the host and could not be pulled" },
    Cause { code: "START_REFUSED", about: "the engine could not start it" },
    Cause { code: "NOT_STARTED", about: "it was made, but never started" },
    Cause { code: "STOPPED", about: "it was stopped, and something that runs needs it" },
    Cause { code: "PAUSED", about: "it is paused" },
    Cause { code: "STUCK", about: "the engine could not remove it" },
    Cause { code: "DISK_FULL", about: "there is no room left where it writes" },
    Cause { code: "READ_ONLY", about: "it writes where it may only read" },
    Cause { code: "PERMISSION_DENIED", about: "its user may not use a file it needs" },
    Cause { code: "ZOMBIES", about: "processes that ended are not reaped" },
    Cause { code: "LOG_FLOOD", about: "it writes so much log that the disk fills" },
    Cause { code: "UNHEALTHY", about: "its healthcheck fails" },
    Cause { code: "FLAPPING", about: "its healthcheck passes and fails in turn" },
    Cause { code: "SLOW_START", about: "it has been starting for long" },
    Cause { code: "CHECK_BROKEN", about: "its healthcheck itself cannot run" },
    Cause { code: "PROBE_REFUSED", about: "nothing listens where it is probed" },
    Cause { code: "LOOPBACK_ONLY", about: "it listens on its own loopback address only" },
    Cause { code: "PROBE_TIMEOUT", about: "it gives no answer in time" },
    Cause { code: "HTTP_STATUS", about: "it answers with another status than it should" },
    Cause { code: "HTTP_BODY", about: "it answers with another text than it should" },
    Cause { code: "PROBE_SLOW", about: "it answers later than it should" },
    Cause { code: "TLS_EXPIRED", about: "its certificate has expired" },
    Cause { code: "TLS_EXPIRES", about: "its certificate expires soon" },
    Cause { code: "TLS_INVALID", about: "its certificate is not right" },
    Cause { code: "CLOCK_SKEW", about: "its clock is not the host's" },
    Cause { code: "PROBE_FAILED", about: "a probe of it fails in another way" },
    Cause { code: "PROBE_INVALID", about: "what its labels want probed cannot be read" },
    Cause { code: "DEPENDENCY_DOWN", about: "something it needs does not work" },
    Cause { code: "WRONG_NETWORK", about: "it shares no network with something it needs" },
    Cause { code: "DNS_FAILED", about: "a name that it asks for is not found" },
    Cause { code: "HOST_DISK", about: "the host's disk is nearly full" },
];
