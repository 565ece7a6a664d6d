//! What a tool may touch, enforced by the kernel (Landlock): its own program, what every program needs, and the places of its order.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::interpreter::{self, Interpreter};
use super::order::LaunchOrder;

/// The newest rules that were tested. Older kernels enforce what they know.
const RULES: ABI = ABI::V6;

/// Libraries, character sets, time zones, name resolution, certificates; `mariadb-backup` looks up block sizes in `/sys`.
const SYSTEM: [&str; 29] = [
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share",
    "/usr/local/lib",
    "/usr/local/share",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/resolv.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/passwd",
    "/etc/group",
    "/etc/ssl",
    "/etc/pki",
    "/etc/crypto-policies",
    "/proc/cpuinfo",
    "/proc/filesystems",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys",
    "/sys/devices",
    "/sys/dev",
];

/// The process itself, without which `mariadb-backup` crashes and no defaults file is found. Nothing else of `/proc`: to
/// root, other processes' directories show their environment, and with it the host's secrets.
pub(super) const MYSELF: &str = "/proc/self";

/// Where a script finds the programs it calls.
const PROGRAMS: [&str; 6] = ["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];

/// Devices without content.
const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"];

/// Locks this process in, and all that it becomes. Returns how far the kernel goes along: `full`, `partial` or `none`.
///
/// The rule for [`MYSELF`] hangs on an inode that the kernel may make anew when memory is short; `launch` keeps it open.
pub(super) fn lock_in(order: &LaunchOrder) -> Result<&'static str, String> {
    let status = restrict(order).map_err(|error| format!("cannot lock the tool in: {error}"))?;
    Ok(match status {
        RulesetStatus::FullyEnforced => "full",
        RulesetStatus::PartiallyEnforced => "partial",
        RulesetStatus::NotEnforced => "none",
    })
}

fn restrict(order: &LaunchOrder) -> Result<RulesetStatus, RulesetError> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(RULES))?
        .handle_access(AccessNet::from_all(RULES))?
        .scope(Scope::from_all(RULES))?
        .create()?;
    let mut rules = Rules(ruleset);
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let execute = read | AccessFs::Execute;
    for path in SYSTEM.iter().map(Path::new).chain(order.read.iter().map(AsRef::as_ref)) {
        rules.allow(path, read)?;
    }
    for device in DEVICES {
        rules.allow(
            Path::new(device),
            AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev,
        )?;
    }
    let write = (AccessFs::from_all(RULES) & !AccessFs::Execute) & !(AccessFs::MakeBlock | AccessFs::MakeChar);
    for path in &order.write {
        rules.allow(path, write)?;
    }
    // A tool that is installed on its own has its libraries beside it.
    if let Some(home) = order.program.parent().and_then(Path::parent) {
        for beside in ["lib", "lib64", "share"] {
            rules.allow(&home.join(beside), read)?;
        }
    }
    // With nothing else to execute, a tool has no children: none can outlive it.
    rules.allow(&order.program, execute)?;
    match interpreter::of(&order.program) {
        Interpreter::None => {}
        Interpreter::Loader(loader) => rules.allow(&loader, execute)?,
        Interpreter::Script | Interpreter::Unknown => {
            for path in PROGRAMS.into_iter().chain(SYSTEM.into_iter().take(6)) {
                rules.allow(Path::new(path), execute)?;
            }
        }
    }
    rules.allow(Path::new(MYSELF), read)?;
    let mut ruleset = rules.0;
    for port in &order.connect_ports {
        ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    Ok(ruleset.restrict_self()?.ruleset)
}

struct Rules(RulesetCreated);

impl Rules {
    /// Allows `access` at and below `path`; what does not exist needs no rule.
    fn allow(&mut self, path: &Path, access: BitFlags<AccessFs>) -> Result<(), RulesetError> {
        let (Ok(fd), Ok(metadata)) = (PathFd::new(path), path.metadata()) else { return Ok(()) };
        let access = if metadata.is_dir() { access } else { access & AccessFs::from_file(RULES) };
        (&mut self.0).add_rule(PathBeneath::new(fd, access))?;
        Ok(())
    }
}
