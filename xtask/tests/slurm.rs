// SPDX-License-Identifier: MIT OR Apache-2.0
//! A plan as a Slurm job array, on a cluster of one node that the test starts
//! itself: own configuration, keys, ports and folders, nothing of the
//! system's. The node dies in the middle of a shard.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

use evidence::{RunStatus, Store};
use proc::Guarded;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const NODE: &str = "bclab";

/// Daemons live in sbin, which is not in every user's PATH.
fn program(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists())
}

struct Cluster {
    dir: PathBuf,
    _munged: Guarded,
    _controller: Guarded,
    node: Option<Guarded>,
}

fn text(command: &mut Command) -> String {
    let out = command.output().unwrap();
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until `what` has come about.
fn wait_for<T>(what: &str, limit: u64, mut check: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(limit);
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < end, "not within {limit} s: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl Cluster {
    fn start(dir: &Path) -> Self {
        for folder in ["state", "spool", "munge"] {
            fs::create_dir(dir.join(folder)).unwrap();
        }
        let key = dir.join("munge/key");
        let secret: Vec<u8> = (0..32).flat_map(|_| random()).collect();
        fs::write(&key, secret).unwrap();
        for (path, mode) in [(dir.join("munge"), 0o700), (key.clone(), 0o400)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let option = |name: &str, file: &str| format!("--{name}={}", dir.join(file).display());
        let mut munged = Command::new(program("munged").unwrap());
        munged.args(["--foreground", "--force"]).args([
            option("key-file", "munge/key"),
            option("socket", "munge/socket"),
            option("pid-file", "munge/pid"),
            option("log-file", "munge/log"),
            option("seed-file", "munge/seed"),
        ]);
        let munged = spawn(&mut munged, dir, "munged");
        wait_for("munged's socket", 20, || dir.join("munge/socket").exists().then_some(()));
        fs::write(dir.join("slurm.conf"), config(dir)).unwrap();
        let mut controller = Command::new(program("slurmctld").unwrap());
        controller.args(["-D", "-c", "-f"]).arg(dir.join("slurm.conf"));
        let controller = spawn(&mut controller, dir, "slurmctld");
        let mut cluster =
            Self { dir: dir.into(), _munged: munged, _controller: controller, node: None };
        cluster.node_up();
        cluster
    }

    fn node_up(&mut self) {
        let mut node = Command::new(program("slurmd").unwrap());
        node.args(["-D", "-N", NODE, "-f"]).arg(self.dir.join("slurm.conf"));
        self.node = Some(spawn(&mut node, &self.dir, "slurmd"));
        wait_for("an idle node", 60, || {
            let out = self.client("sinfo", &["-h", "-o", "%T"]);
            let state = String::from_utf8_lossy(&out.stdout).trim().to_owned();
            if state.starts_with("down") {
                self.client("scontrol", &["update", &format!("nodename={NODE}"), "state=resume"]);
            }
            (state == "idle").then_some(())
        });
    }

    /// The power of the node fails: everything on it ends, and the operator's
    /// monitor tells the controller.
    fn node_dies(&mut self) {
        // slurmd first: it must not be able to report.
        self.node = None;
        for pid in self.processes() {
            let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        let node = format!("nodename={NODE}");
        self.client("scontrol", &["update", &node, "state=down", "reason=power"]);
    }

    /// What runs on the node: whatever has this cluster's name for it in its
    /// environment. The controller and munged do not.
    fn processes(&self) -> Vec<u32> {
        let job = b"SLURM_JOB_ID=";
        let ours = format!("SLURM_CONF={}", self.dir.join("slurm.conf").display());
        let has = |all: &[u8], part: &[u8]| all.windows(part.len()).any(|w| w == part);
        fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let pid: u32 = path.file_name()?.to_str()?.parse().ok()?;
                let environment = fs::read(path.join("environ")).ok()?;
                let command = fs::read(path.join("cmdline")).ok()?;
                let step = command.starts_with(b"slurmstepd");
                (has(&environment, ours.as_bytes()) && (step || has(&environment, job)))
                    .then_some(pid)
            })
            .collect()
    }

    fn client(&self, name: &str, args: &[&str]) -> Output {
        Command::new(program(name).unwrap())
            .env("SLURM_CONF", self.dir.join("slurm.conf"))
            .current_dir(&self.dir)
            .args(args)
            .output()
            .unwrap()
    }

    /// Submits the job array; its id.
    fn submit(&self, script: &Path, options: &[&str]) -> String {
        let log = self.dir.join("task-%A_%a.log").display().to_string();
        let args = [&["--parsable", "--output", &log], options].concat();
        let out = self.client("sbatch", &[&args[..], &[script.to_str().unwrap()]].concat());
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    /// Whether a task of the job is still waiting or running.
    fn is_busy(&self, job: &str) -> bool {
        let out = self.client("squeue", &["-h", "-j", job]);
        out.status.success() && !out.stdout.is_empty()
    }

    /// The controller's lines about jobs and nodes.
    fn story(&self) -> String {
        let log = fs::read_to_string(self.dir.join("slurmctld.log")).unwrap_or_default();
        let telling = ["submit_batch_job", "sched: ", "_job_complete", "update_node", "failure"];
        let lines = log.lines().filter(|line| telling.iter().any(|word| line.contains(word)));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// 16 bytes that nobody knows.
fn random() -> [u8; 16] {
    use std::io::Read;
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom").unwrap().read_exact(&mut bytes).unwrap();
    bytes
}

fn spawn(command: &mut Command, dir: &Path, name: &str) -> Guarded {
    let log = fs::File::create(dir.join(format!("{name}.out"))).unwrap();
    command
        .env("SLURM_CONF", dir.join("slurm.conf"))
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    Guarded::spawn(command).unwrap()
}

/// One node with one processor, so that one shard is done when the other is
/// hit.
fn config(dir: &Path) -> String {
    let host = text(Command::new("uname").arg("-n"));
    let host = host.split('.').next().unwrap();
    let user = text(Command::new("id").arg("-un"));
    let (controller, node, dir) = (free_port(), free_port(), dir.display());
    format!(
        "ClusterName=bclab\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser={user}\nSlurmdUser={user}\n\
         SlurmctldPort={controller}\nSlurmdPort={node}\n\
         AuthType=auth/munge\nAuthInfo=socket={dir}/munge/socket\nCredType=cred/munge\n\
         StateSaveLocation={dir}/state\nSlurmdSpoolDir={dir}/spool\n\
         SlurmctldPidFile={dir}/slurmctld.pid\nSlurmdPidFile={dir}/slurmd.pid\n\
         SlurmctldLogFile={dir}/slurmctld.log\nSlurmdLogFile={dir}/slurmd.log\n\
         ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nSchedulerType=sched/builtin\n\
         SchedulerParameters=sched_min_interval=100000\n\
         SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\nSwitchType=switch/none\n\
         JobAcctGatherType=jobacct_gather/none\nAccountingStorageType=accounting_storage/none\n\
         JobCompType=jobcomp/none\nMpiDefault=none\nMailProg=/bin/true\nReturnToService=2\n\
         NodeName={NODE} NodeHostname={host} NodeAddr=127.0.0.1 CPUs=1 RealMemory=1000\n\
         PartitionName=lab Nodes={NODE} Default=YES MaxTime=INFINITE State=UP\n"
    )
}

fn shard(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).arg("shard").args(args);
    command.output().unwrap()
}

fn cases(shard: &Path) -> usize {
    let record = Store::read(&shard.join("run.json")).ok().flatten();
    record.map_or(0, |record| record.cases.len())
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_job_array_survives_the_death_of_its_node() {
    if ["munged", "slurmctld", "slurmd", "sbatch"].iter().any(|name| program(name).is_none()) {
        eprintln!("not run: Slurm is not installed (cargo xtask setup --tests)");
        return;
    }
    let began = Instant::now();
    let say = |what: &str| eprintln!("[{:5.1} s] {what}", began.elapsed().as_secs_f64());
    let scratch = tempfile::tempdir().unwrap();
    // A path that a careless script would tear apart.
    let farm = scratch.path().join("a farm");
    let (farm, slurm) = (farm.as_path(), scratch.path().join("slurm"));
    fs::create_dir(&slurm).unwrap();
    let at = farm.to_str().unwrap();
    let plan = ["--arm", "base", "--arm", "rust", "--scenario", "S1", "--attempts", "2", "--slurm"];
    let out = shard(&[&["plan", "--shards", "2", "--out", at], &plan[..]].concat());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));

    let mut cluster = Cluster::start(&slurm);
    say("the cluster is up");
    let script = farm.join("shards.sbatch");
    let job = cluster.submit(&script, &["--no-requeue"]);
    let second = farm.join("shard-002");
    wait_for("a case of the second shard", 120, || (cases(&second) == 1).then_some(()));
    cluster.node_dies();
    say("the node died in the middle of shard 2");
    wait_for("the array's end", 60, || (!cluster.is_busy(&job)).then_some(()));
    assert_eq!(cases(&second), 1, "the finished case survives");
    wait_for("no process on the dead node", 10, || cluster.processes().is_empty().then_some(()));

    let out = shard(&["merge", at]);
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(4), "{told}");
    assert!(told.contains("shard 2 is not finished") && told.contains("shard run"), "{told}");
    assert!(!told.contains("shard 1"), "{told}");
    say(&told);

    cluster.node_up();
    say("the node is back");
    let again = cluster.submit(&script, &["--array=2"]);
    wait_for("the second try", 120, || (!cluster.is_busy(&again)).then_some(()));
    let log = fs::read_to_string(slurm.join(format!("task-{again}_2.log"))).unwrap();
    assert!(log.contains("shard-002: 1 cases are there"), "{log}");
    let out = shard(&["merge", at]);
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    let merged = Store::read(&farm.join("merged/run.json")).unwrap().unwrap();
    assert_eq!((merged.status, merged.cases.len()), (RunStatus::Complete, 4));
    say(&format!("merged; the controller said:\n{}", cluster.story()));
    assert!(cluster.processes().is_empty(), "{:?}", cluster.processes());
    let daemons = [cluster._munged.pid(), cluster._controller.pid()];
    drop(cluster);
    let marker = slurm.to_str().unwrap().to_owned();
    wait_for("no process of the cluster", 10, || left(&marker, &daemons).is_empty().then_some(()));
}

/// Processes that know the cluster's folder, and the daemons by number.
fn left(folder: &str, daemons: &[u32]) -> Vec<String> {
    let known = |pid: &u32| Path::new("/proc").join(pid.to_string()).exists();
    let mut found: Vec<String> = daemons.iter().filter(|p| known(p)).map(u32::to_string).collect();
    let own = std::process::id().to_string();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if name != own && String::from_utf8_lossy(&environment).contains(folder) {
            found.push(name);
        }
    }
    found
}
