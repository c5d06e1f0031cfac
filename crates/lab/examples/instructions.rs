use lab::perf::*;
use lab::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let arm = ArmImage { name: "x".into(), kernel: a[1].clone().into() };
    let tools = Tools { initramfs: a[2].clone().into(), ..Tools::default() };
    let dir = tempfile::tempdir().unwrap();
    let c = &proc::Cancel::new();
    match a[3].as_str() {
        "hit" => for n in [8, 32, 256, 1024] { println!("{:?}", hit_ratio(&arm, &tools, 1<<30, n, 2, 1, dir.path(), c)); },
        "mem" => for n in [1u64, 100] { println!("{:?}", memory(&arm, &tools, n<<40, 1024, 1, dir.path(), c)); },
        "speed" => for f in speed(&arm, &tools, &Setup::default(), &[], &Job::load_all("workloads/perf".as_ref()).unwrap(), dir.path(), c).unwrap() { println!("{:20} {:25} {:12.2} {}", f.workload, f.metric, f.value, f.unit); },
        _ => {
            let how = Counting { plugin: a[3].clone().into(), requests: a[4].parse().unwrap(), seed: 1, attributes: vec![] };
            for _ in 0..a[5].parse().unwrap() {
                let costs = match count(&arm, &tools, &how, &Work::ALL, dir.path(), c) { Ok(c) => c, Err(e) => { println!("{e:.300}"); continue } };
                for c in &costs {
                    println!("{:20} total {:10.1} work {:10.1} bcache {:9.1} journal {:.3} {:.0} B", c.work.name(), c.profile.total() as f64/c.requests as f64, c.instructions, c.in_bcache, c.journal_writes, c.journal_bytes);
                }
            }
        }
    }
}
