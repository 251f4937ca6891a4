//! A distributed object store: three Garage nodes on the loopback interface, and each object on all of them.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use tempfile::TempDir;

use crate::{Balancer, Bed, PASSWORD, Process, Said, skip, wait};

const NODES: usize = 3;
/// What the repository is in.
pub const BUCKET: &str = "backups";
/// The region that the nodes ask for, as their manual has it.
const REGION: &str = "garage";
/// One of `scripts/install-tools.sh`.
const VERSION: &str = "2.5.0";
/// What the nodes know one another by, and nobody else has.
const SECRET: &str = "1799bccfd7411eddcf9ebd316bc1f5287ad12a68094e1c6ac6abde7e6feae1ec";

/// See the module. All of it is gone when this is dropped.
pub struct Cluster {
    nodes: Vec<Node>,
    /// The address of the cluster, whichever node is there.
    pub balancer: Balancer,
    key: String,
    secret: String,
    program: PathBuf,
    _directory: TempDir,
}

struct Node {
    process: Option<Process>,
    directory: PathBuf,
    s3: u16,
}

impl Cluster {
    /// Nodes that know each other, a bucket, and a key for it. `None`, and the test is skipped, where there is no Garage.
    pub fn start() -> Option<Self> {
        let program = program()?;
        let directory = tempfile::Builder::new()
            .prefix("bkc-")
            .tempdir_in("/tmp")
            .unwrap();
        let ports = free_ports(2 * NODES);
        let nodes: Vec<Node> = ports
            .chunks(2)
            .enumerate()
            .map(|(number, ports)| Node::start(&program, &directory.path().join(number.to_string()), ports))
            .collect();
        let balancer = Balancer::to(nodes.iter().map(|node| node.s3).collect());
        let mut cluster = Self {
            nodes,
            balancer,
            key: String::new(),
            secret: String::new(),
            program,
            _directory: directory,
        };
        cluster.set_up();
        Some(cluster)
    }

    fn set_up(&mut self) {
        let ids: Vec<String> = self.nodes.iter().map(|node| node.id(&self.program)).collect();
        for id in &ids[1..] {
            self.until_well(&["node", "connect", id]);
        }
        self.wait_for_nodes(NODES);
        for id in &ids {
            let id = id.split('@').next().unwrap();
            self.garage(&["layout", "assign", "-z", "here", "-c", "10G", id])
                .well();
        }
        self.garage(&["layout", "apply", "--version", "1"]).well();
        self.garage(&["bucket", "create", BUCKET]).well();
        let made = self.garage(&["key", "create", "fleet"]).well().stdout;
        let value = |name: &str| {
            let line = made.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no `{name}` in:\n{made}"))
                .trim()
                .to_owned()
        };
        (self.key, self.secret) = (value("Key ID:"), value("Secret key:"));
        self.garage(&["bucket", "allow", BUCKET, "--read", "--write", "--key", "fleet"])
            .well();
    }

    /// Waits until so many nodes see each other.
    fn wait_for_nodes(&self, count: usize) {
        let health = ["json-api", "GetClusterHealth"];
        again_until(&format!("{count} nodes"), || {
            self.until_well(&health).json()["connectedNodes"] == count
        });
    }

    /// Says it until it is understood.
    fn until_well(&self, arguments: &[&str]) -> Said {
        let mut said = self.garage(arguments);
        again_until(&format!("`garage {}`", arguments.join(" ")), || {
            if said.code != Some(0) {
                said = self.garage(arguments);
            }
            said.code == Some(0)
        });
        said
    }

    /// What an administrator says to the first node that is there.
    pub fn garage(&self, arguments: &[&str]) -> Said {
        let node = self.nodes.iter().find(|node| node.process.is_some()).unwrap();
        Said::of(node.command(&self.program).args(arguments))
    }

    /// `kill -9` of a node.
    pub fn kill(&mut self, number: usize) {
        self.nodes[number]
            .process
            .take()
            .expect("the node is there")
            .kill();
    }

    /// Starts a node that was killed, and waits until the others see it.
    pub fn start_again(&mut self, number: usize) {
        self.nodes[number].run(&self.program);
        let alive = self.nodes.iter().filter(|node| node.process.is_some());
        let ids: Vec<String> = alive.map(|node| node.id(&self.program)).collect();
        // They would find each other, but take their time.
        for id in &ids[1..] {
            self.until_well(&["node", "connect", id]);
        }
        self.wait_for_nodes(ids.len());
    }

    /// Waits until no node lists what was removed while another one was away. By themselves they take ten minutes.
    pub fn settle(&self, bed: &Bed) {
        self.garage(&["repair", "--all-nodes", "--yes", "tables"]).well();
        again_until("the nodes to agree", || self.locks(bed).is_empty());
    }

    /// The lock files that restic sees.
    pub fn locks(&self, bed: &Bed) -> String {
        let said = self.restic(bed, &["list", "locks", "--no-lock"]).well();
        said.stdout.trim().to_owned()
    }

    fn url(&self) -> String {
        format!("s3:http://127.0.0.1:{}/{BUCKET}/fleet", self.balancer.port)
    }

    /// Writes `repositories.d/main.toml` of a bed, for the one repository that is here. `more` stands on top.
    pub fn write_repository(&self, bed: &Bed, more: &str) {
        let (password, secret) = (bed.secret("main", PASSWORD), bed.secret("s3", &self.secret));
        let text = format!(
            "{more}\nurl = {:?}\npassword_file = {password:?}\nregion = {REGION:?}\n\n[credentials]\n\
             access_key_id = {:?}\nsecret_access_key_file = {secret:?}\n",
            self.url(),
            self.key,
        );
        bed.write_file("repositories.d/main.toml", &text);
    }

    /// Stock restic on the repository.
    pub fn restic(&self, bed: &Bed, arguments: &[&str]) -> Said {
        let mut command = bed.command("restic");
        command
            .args(["--no-cache", "--repo", &self.url()])
            .args(arguments)
            .env("RESTIC_PASSWORD", PASSWORD)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", &self.key)
            .env("AWS_SECRET_ACCESS_KEY", &self.secret);
        bed.call(&mut command)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for node in &self.nodes {
            let text = fs::read_to_string(node.log()).unwrap_or_default();
            eprintln!("--- {}\n{text}", node.directory.display());
        }
    }
}

impl Node {
    fn start(program: &Path, directory: &Path, ports: &[u16]) -> Self {
        let [rpc, s3] = *ports else { unreachable!() };
        let path = |name: &str| directory.join(name);
        fs::create_dir_all(path("meta")).unwrap();
        let text = format!(
            "metadata_dir = {:?}\ndata_dir = {:?}\ndb_engine = \"lmdb\"\nreplication_factor = {NODES}\n\
             rpc_bind_addr = \"127.0.0.1:{rpc}\"\nrpc_public_addr = \"127.0.0.1:{rpc}\"\n\
             rpc_secret = {SECRET:?}\n\n\
             [s3_api]\ns3_region = {REGION:?}\napi_bind_addr = \"127.0.0.1:{s3}\"\n",
            path("meta"),
            path("data"),
        );
        fs::write(path("garage.toml"), text).unwrap();
        let mut node = Self {
            process: None,
            directory: directory.to_owned(),
            s3,
        };
        node.run(program);
        node
    }

    /// What others know it by, which it makes up when it starts.
    fn id(&self, program: &Path) -> String {
        let said = wait::for_files("the key of a node", &[&self.directory.join("meta")], || {
            let said = Said::of(self.command(program).args(["node", "id", "-q"]));
            (said.code == Some(0)).then_some(said)
        });
        said.stdout.trim().to_owned()
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("NO_COLOR", "1")
            .env("RUST_LOG", "warn,garage_api_common=info")
            .arg("--config")
            .arg(self.directory.join("garage.toml"));
        command
    }

    fn run(&mut self, program: &Path) {
        let mut command = self.command(program);
        command.arg("server");
        self.process = Some(Process::start("garage", &mut command, &self.log()));
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log")
    }
}

/// Looks until it is so: each look asks a program, and takes its time.
fn again_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + wait::DEADLINE;
    while !is_so() {
        assert!(Instant::now() < until, "in vain waited for {what}");
    }
}

/// Garage, where there is one.
fn program() -> Option<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache"),
        PathBuf::from,
    );
    let program = cache.join(format!("backupd-tools/garage-{VERSION}/bin/garage"));
    if program.is_file() {
        return Some(program);
    }
    skip(&format!(
        "there is no `{}`: `scripts/install-tools.sh` builds it",
        program.display()
    ));
    None
}

/// Ports that nobody listens at, all different.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> = (0..count)
        .map(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap())
        .collect();
    listeners
        .iter()
        .map(|listener| listener.local_addr().unwrap().port())
        .collect()
}
