// SPDX-License-Identifier: GPL-2.0-or-later
//! Sockets that a QEMU of this machine serves for as long as it lives, in folders of their own that
//! only this user can enter.

use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hmp_engine::host::Sockets;
use hmp_engine::qmp::BoxFuture;
use socket2::{Domain, SockAddr, Socket, Type};
use tempfile::Builder;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

/// How the names of the folders start. No owner's text follows: they are cleared away by nobody.
const PREFIX: &str = "hmp-ports-";
const RANDOM: usize = 16;

/// The name of the socket in its folder.
const NAME: &str = "socket";

/// How long an answer may take. QEMU serves one client at a time, and leaves a second one waiting.
const PATIENCE: Duration = Duration::from_secs(5);

/// How soon a queue that is full is tried again: QEMU's holds one client, and a unix socket does not
/// wait for room.
const AGAIN: Duration = Duration::from_millis(5);

/// Bytes of an answer at most.
const LONGEST: u64 = 4096;

/// Those of this user.
#[derive(Clone, Copy, Debug, Default)]
pub struct Private;

impl Sockets for Private {
    fn lasting(&self) -> Option<String> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let parent = runtime.filter(|path| path.is_absolute() && path.is_dir());
        let parent = parent.unwrap_or_else(std::env::temp_dir);
        clear(&parent);
        new(&parent)
    }

    fn forget(&self, path: &str) {
        let path = Path::new(path);
        if let Some(folder) = path.parent().filter(|_| is_ours(path).is_ok()) {
            // QEMU may have made the socket, though not served it.
            let _ = std::fs::remove_file(path);
            let _ = std::fs::remove_dir(folder);
        }
    }

    fn exchange<'a>(
        &'a self,
        path: &'a str,
        lines: &'a [String],
    ) -> BoxFuture<'a, io::Result<Vec<String>>> {
        Box::pin(async move {
            is_ours(Path::new(path))?;
            match timeout(PATIENCE, talk(path, lines)).await {
                Ok(answers) => answers,
                Err(_) => Err(io::Error::new(
                    ErrorKind::TimedOut,
                    "no answer: another client may be connected",
                )),
            }
        })
    }
}

fn new(parent: &Path) -> Option<String> {
    let folder = Builder::new()
        .prefix(PREFIX)
        .rand_bytes(RANDOM)
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(std::path::absolute(parent).ok()?)
        .ok()?;
    let path = folder.path().join(NAME).to_str()?.to_owned();
    let _ = folder.keep();
    Some(path)
}

/// How old an empty folder is whose QEMU has removed its socket (11.1 does), and not one that is about to
/// make it.
const ABANDONED: Duration = Duration::from_secs(60);

/// Removes the folders whose QEMU is gone: nobody listens there.
fn clear(parent: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path().join(NAME);
        let made = entry.metadata().and_then(|metadata| metadata.modified());
        let age = made.ok().and_then(|made| made.elapsed().ok());
        if is_ours(&path).is_ok() && age.is_some_and(|age| age > ABANDONED) {
            // Only one that is empty goes.
            let _ = std::fs::remove_dir(entry.path());
        }
        let refused = |error: io::Error| error.kind() == ErrorKind::ConnectionRefused;
        if is_ours(&path).is_ok() && knock(&path).is_err_and(refused) {
            let _ = std::fs::remove_file(&path);
            let _ = std::fs::remove_dir(entry.path());
        }
    }
}

/// Whether somebody listens; a queue that is full is not waited for.
fn knock(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    socket.connect(&SockAddr::unix(path)?)
}

/// QEMU says where its socket is, and is not believed: only what is in such a folder of this user
/// is connected to.
fn is_ours(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    let name = folder.file_name().unwrap_or_default();
    let seen = folder.symlink_metadata()?;
    let user = rustix::process::geteuid().as_raw();
    let private = seen.is_dir() && seen.uid() == user && seen.mode() & 0o777 == 0o700;
    let named =
        name.to_string_lossy().starts_with(PREFIX) && path.file_name() == Some(NAME.as_ref());
    match private && named {
        true => Ok(()),
        false => Err(io::Error::new(
            ErrorKind::PermissionDenied,
            format!("{} is not a socket of yours", path.display()),
        )),
    }
}

/// Connects, once there is room in the queue of those who wait.
async fn connect(path: &str) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(AGAIN).await,
            done => return done,
        }
    }
}

async fn talk(path: &str, lines: &[String]) -> io::Result<Vec<String>> {
    let (from, mut to) = connect(path).await?.into_split();
    let mut from = BufReader::new(from);
    let mut answers = Vec::new();
    for line in lines {
        to.write_all(format!("{line}\n").as_bytes()).await?;
        let mut answer = String::new();
        (&mut from).take(LONGEST).read_line(&mut answer).await?;
        match answer.strip_suffix('\n') {
            Some(answer) => answers.push(answer.to_owned()),
            None => return Err(ErrorKind::UnexpectedEof.into()),
        }
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixListener;

    use futures_util::future::join_all;

    use super::*;
    use crate::host::private_file;

    #[test]
    fn a_folder_for_this_user_that_stays() {
        let parent = tempfile::tempdir().unwrap();
        let path = new(parent.path()).unwrap();
        let folder = Path::new(&path).parent().unwrap();
        assert_eq!(folder.metadata().unwrap().mode() & 0o7777, 0o700);
        let listener = UnixListener::bind(&path).unwrap();
        private_file::clear(parent.path());
        clear(parent.path());
        assert!(folder.exists(), "its QEMU lives");
        drop(listener);
        clear(parent.path());
        assert!(!folder.exists());
        let path = new(parent.path()).unwrap();
        let folder = Path::new(&path).parent().unwrap();
        clear(parent.path());
        assert!(folder.exists(), "its QEMU is about to make the socket");
        let long_ago = std::time::SystemTime::now() - 2 * ABANDONED;
        std::fs::File::open(folder)
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
        clear(parent.path());
        assert!(!folder.exists(), "its QEMU has removed the socket");
        let path = new(parent.path()).unwrap();
        Private.forget(&path);
        assert!(!Path::new(&path).parent().unwrap().exists());
    }

    #[tokio::test]
    async fn others_sockets_are_not_connected_to() {
        let parent = tempfile::tempdir().unwrap();
        let path = new(parent.path()).unwrap();
        let _listener = UnixListener::bind(&path).unwrap();
        let folder = Path::new(&path).parent().unwrap().to_owned();
        let other = folder.join("other");
        let asked = Private.exchange(other.to_str().unwrap(), &[]).await;
        assert_eq!(asked.unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(Private.exchange(&path, &[]).await.unwrap(), [""; 0]);
        std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        let asked = Private.exchange(&path, &[]).await;
        assert_eq!(asked.unwrap_err().kind(), ErrorKind::PermissionDenied);
    }
    #[tokio::test(flavor = "multi_thread")]
    async fn more_clients_than_the_queue_holds() {
        let parent = tempfile::tempdir().unwrap();
        let path = new(parent.path()).unwrap();
        // As QEMU listens.
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        listener.listen(1).unwrap();
        let lines = ["inb 0x70".to_owned()];
        let asked = (0..6).map(|_| Private.exchange(&path, &lines));
        let served = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            for _ in 0..6 {
                let (mut client, _) = listener.accept().unwrap();
                let mut line = [0; 9];
                client.read_exact(&mut line).unwrap();
                client.write_all(b"OK 0x00\n").unwrap();
            }
        });
        for answer in join_all(asked).await {
            assert_eq!(answer.unwrap(), ["OK 0x00"]);
        }
        served.join().unwrap();
    }
}
