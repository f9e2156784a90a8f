// SPDX-License-Identifier: GPL-2.0-or-later
//! QEMUs by name, by process number, from a menu, of other users, and how they are listed.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::common::program::{binary, hmp, run};
use crate::common::pty::Terminal;
use crate::common::qemu::qemus;
use crate::common::screen::Screen;
use hmp::client::address::Address;
use hmp::client::{Client, Options};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Who uses all QEMUs holds sockets that another test finds free.
static ALL: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A QEMU with a name that no other has, and two QMP sockets.
struct Named {
    name: String,
    folder: TempDir,
    child: Child,
}

impl Named {
    fn start(program: &Path, name: &str, user: Option<u32>) -> Self {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let name = format!("{name}-{}", std::process::id());
        let mut command = Command::new(program);
        command.args(["-nodefaults", "-display", "none", "-S", "-M", "none"]);
        command.args(["-name", &format!("guest={name},debug-threads=on")]);
        for socket in ["a", "b"] {
            let path = folder.path().join(socket);
            command.arg("-qmp");
            command.arg(format!("unix:{},server=on,wait=off", path.display()));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        let child = command.spawn().unwrap();
        let begun = Instant::now();
        while !folder.path().join("b").exists() {
            assert!(begun.elapsed() < Duration::from_secs(30), "no socket");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            name,
            folder,
            child,
        }
    }

    fn address(&self, socket: &str) -> String {
        format!("unix:{}/{socket}", self.folder.path().display())
    }

    /// Its line in the list, as fields.
    fn listed(&self) -> Vec<String> {
        let ran = run(hmp().arg("--list"));
        assert_eq!(ran.code, Some(0));
        let header = "PID\tNAME\tOWNER\tSTATE\tMACHINE\tADDRESS\tREMARKS";
        assert_eq!(ran.stdout.lines().next(), Some(header));
        let pid = self.child.id().to_string();
        let mut lines = ran.stdout.lines().map(|line| line.split('\t'));
        let line = lines.find(|line| line.clone().next() == Some(&pid));
        line.unwrap().map(str::to_owned).collect()
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn us() -> String {
    hmp::host::users::shown(rustix::process::geteuid().as_raw())
}

#[test]
fn one_vm_is_one_entry_and_its_free_socket_is_taken() {
    let _alone = alone();
    for program in qemus() {
        let vm = Named::start(&program, "one", None);
        let (pid, owner) = (vm.child.id().to_string(), us());
        let also = format!("also {}", vm.address("b"));
        let address = vm.address("a");
        let expected = [&pid, &vm.name, &owner, "running", "none", &address, &also];
        assert_eq!(vm.listed(), expected);

        let runtime = tokio::runtime::Runtime::new().unwrap();
        let socket = vm.address("a").parse::<Address>().unwrap();
        let held = runtime.block_on(Client::connect(&socket, &Options::default()));
        let _held = held.unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let fields = vm.listed();
        assert_eq!(fields[5], vm.address("b"));
        let holder = format!("(pid {})", std::process::id());
        let also = format!("also {} (in use by ", vm.address("a"));
        assert!(
            fields[6].starts_with(&also) && fields[6].contains(&holder),
            "{fields:?}"
        );
        // By name and by number, at once: the free one is taken.
        for named in [
            vm.name.clone(),
            format!("name:{}", vm.name),
            pid.clone(),
            format!("pid:{pid}"),
        ] {
            let begun = Instant::now();
            let ran = run(hmp().args([&named, "info", "name"]));
            assert_eq!(ran.stdout.trim_end(), vm.name, "{ran:?}");
            assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)));
            assert!(begun.elapsed() < Duration::from_secs(5));
        }
    }
}

#[test]
fn a_socket_wins_over_a_name() {
    for program in qemus() {
        let vm = Named::start(&program, "path", None);
        let other = Named::start(&program, "other", None);
        let here = tempfile::tempdir().unwrap();
        // A folder of that name does not matter.
        std::fs::create_dir(here.path().join(&vm.name)).unwrap();
        let ask = || {
            run(hmp()
                .current_dir(here.path())
                .args([&vm.name, "info", "name"]))
        };
        assert_eq!(ask().stdout.trim_end(), vm.name);
        std::fs::remove_dir(here.path().join(&vm.name)).unwrap();
        std::os::unix::fs::symlink(other.folder.path().join("a"), here.path().join(&vm.name))
            .unwrap();
        assert_eq!(ask().stdout.trim_end(), other.name);
    }
}

#[test]
fn several_of_a_name_are_chosen_from_a_menu() {
    for program in qemus() {
        let one = Named::start(&program, "twin", None);
        let two = Named::start(&program, "twin", None);
        let ran = run(hmp().args([&one.name, "info", "name"]));
        assert_eq!((ran.stdout.as_str(), ran.code), ("", Some(3)));
        assert!(ran.stderr.contains("several QEMUs are called"), "{ran:?}");
        for vm in [&one, &two] {
            assert!(
                ran.stderr.contains(&format!("{}\t", vm.child.id())),
                "{ran:?}"
            );
        }

        let mut numbers = [one.child.id(), two.child.id()];
        numbers.sort_unstable();
        let last = if numbers[1] == two.child.id() {
            &two
        } else {
            &one
        };
        let mut command = Command::new(binary());
        command.args(["--native-only", &one.name, "info", "chardev"]);
        let mut session = rexpect::session::spawn_command(command, Some(10_000)).unwrap();
        session.exp_string("which one?").unwrap();
        session.send_line("7").unwrap();
        session.exp_string("a number from 1 to 2").unwrap();
        session.send_line("2").unwrap();
        session
            .exp_string(last.folder.path().to_str().unwrap())
            .unwrap();
        session.exp_eof().unwrap();

        let mut command = Command::new(binary());
        command.args([&one.name, "info", "name"]);
        let mut session = rexpect::session::spawn_command(command, Some(10_000)).unwrap();
        session.exp_string("which one?").unwrap();
        session.send_line("").unwrap();
        session.exp_eof().unwrap();
        let ended = session.process().wait().unwrap();
        assert!(format!("{ended:?}").contains(", 3)"), "{ended:?}");
    }
}

/// At the prompt the keys are the line editor's, also those of the answer.
#[test]
fn the_prompt_asks_which_of_several_is_meant() {
    for program in qemus() {
        let vms = ["from", "twins", "twins"].map(|name| Named::start(&program, name, None));
        let [from, one, two] = &vms;
        let folder = tempfile::tempdir().unwrap();
        let terminal = Terminal::at(&from.folder.path().join("a"), folder.path(), "xterm", &[]);
        let mut screen = Screen::of(terminal);
        screen.is_at("(qemu)");
        let asks = |screen: &mut Screen, key: &str| {
            screen.types(&format!("\x0cconnect {}\r", one.name));
            screen.is_at("which one? Its number, and Enter:");
            screen.types(key);
        };
        for key in ["\x03", "\r"] {
            asks(&mut screen, key);
            screen.shows("hmp: not connected");
            screen.is_at("(qemu)");
        }
        assert_eq!(screen.runs("info name"), [from.name.as_str()]);
        asks(&mut screen, "7\r");
        screen.is_at("a number from 1 to 2, or nothing to leave:");
        screen.types("2\r");
        let last = one.child.id().max(two.child.id());
        screen.shows(&format!("(process {last}"));
        screen.is_at("(qemu)");
        assert_eq!(screen.runs("info name"), [one.name.as_str()]);
    }
}

#[test]
fn another_users_vm_is_entered_by_number_only() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("another_users_vm_is_entered_by_number_only skipped: needs root");
        return;
    }
    for program in qemus() {
        let version = Command::new(&program).arg("--version").uid(65534).output();
        if !version.unwrap().status.success() {
            eprintln!("{} skipped: others can't run it", program.display());
            continue;
        }
        let vm = Named::start(&program, "foreign", Some(65534));
        let pid = vm.child.id();
        let owner = hmp::host::users::shown(65534);
        let fields = vm.listed();
        assert_eq!((&fields[1], &fields[2]), (&vm.name, &owner));
        let ran = run(hmp().args([&vm.name, "stop"]));
        assert_eq!((ran.stdout.as_str(), ran.code), ("", Some(3)));
        let says = format!("user {owner}) is not yours; to use it all the same: hmp pid:{pid}");
        assert!(ran.stderr.contains(&says), "{ran:?}");
        let ran = run(hmp().args([&format!("pid:{pid}"), "info", "name"]));
        assert_eq!(ran.stdout.trim_end(), vm.name, "{ran:?}");
        // Without a name it is mentioned, whatever else runs here.
        let ran = run(hmp().args(["-c", "info name"]));
        let mention = format!("{} (process {pid}, user {owner})", vm.name);
        assert!(ran.stderr.contains(&mention), "{ran:?}");
        assert_ne!(ran.stdout.trim_end(), vm.name);
    }
}

#[test]
fn a_program_that_calls_itself_qemu_is_not_listed() {
    let mut child = Command::new("sleep")
        .arg0("qemu-system-x86_64")
        .arg("60")
        .spawn()
        .unwrap();
    let ran = run(hmp().arg("--list"));
    child.kill().unwrap();
    let pid = child.id().to_string();
    child.wait().unwrap();
    let mut pids = ran.stdout.lines().map(|line| line.split('\t').next());
    assert!(!pids.any(|listed| listed == Some(&pid)), "{ran:?}");
}

#[test]
fn an_abstract_socket() {
    for program in qemus() {
        let name = format!("hmp-test-{}", std::process::id());
        let vm = crate::common::qemu::Qemu::start(
            &program,
            &[
                "-qmp",
                &format!("unix:{name},abstract=on,server=on,wait=off"),
            ],
        );
        let ran = run(hmp().args([&format!("@{name}"), "info", "name"]));
        assert_eq!(
            (ran.stdout.as_str(), ran.code),
            ("tested\n", Some(0)),
            "{ran:?}"
        );
        let ran = run(hmp().arg("--list"));
        assert!(ran.stdout.contains(&format!("also @{name}")), "{ran:?}");
        drop(vm);
    }
}

/// The others' answers do not wait longer for it than they may.
#[test]
fn all_are_not_held_up_by_one_that_does_not_answer() {
    let _alone = alone();
    for program in qemus() {
        let vm = Named::start(&program, "all-stopped", None);
        let pid = Pid::from_raw(vm.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::STOP).unwrap();
        let begun = Instant::now();
        let ran = run(hmp().args(["--all", "--timeout", "1", "-c", "info name"]));
        let header = format!("== {} (process {})\n", vm.name, vm.child.id());
        assert!(ran.stdout.contains(&header), "{ran:?}");
        assert!(begun.elapsed() < Duration::from_secs(8), "{ran:?}");
    }
}

#[test]
fn lines_run_on_all_of_them() {
    let _alone = alone();
    for program in qemus() {
        let (one, two) = (
            Named::start(&program, "all-one", None),
            Named::start(&program, "all-two", None),
        );
        let ran = run(hmp().args(["--all", "-c", "info name"]));
        for vm in [&one, &two] {
            let answer = format!("== {} (process {})\n{}\n", vm.name, vm.child.id(), vm.name);
            assert!(ran.stdout.contains(&answer), "{ran:?}");
        }
        let ran = run(hmp().args(["--all", "--json", "-c", "foo"]));
        // Others may run beside these, and not answer.
        assert!(matches!(ran.code, Some(1 | 3)), "{ran:?}");
        for vm in [&one, &two] {
            let socket = vm.folder.path().display().to_string();
            let mut lines = ran.stdout.lines();
            let line = lines.find(|line| line.contains(&socket)).unwrap();
            assert!(line.contains("\"outcome\":\"failed\""), "{line}");
        }
    }
}
