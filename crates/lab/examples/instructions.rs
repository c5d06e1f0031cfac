use lab::perf::*;
use lab::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let arm = ArmImage { name: "x".into(), kernel: a[1].clone().into() };
    let tools = Tools { initramfs: a[2].clone().into(), ..Tools::default() };
    let how = Counting { plugin: a[3].clone().into(), requests: a[4].parse().unwrap(), seed: 1 };
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..a[5].parse().unwrap() {
        let t = std::time::Instant::now();
        let costs = count(&arm, &tools, &how, &Work::ALL, dir.path(), &proc::Cancel::new()).unwrap();
        for c in &costs {
            println!("{:20} total {:10.1} work {:10.1} bcache {:9.1} journal {:.3} {:.0} B", c.work.name(), c.profile.total() as f64/c.requests as f64, c.instructions, c.in_bcache, c.journal_writes, c.journal_bytes);
            if a.len() > 6 {
                let mut v: Vec<_> = c.profile.kernel.iter().collect();
                v.sort_by_key(|x| std::cmp::Reverse(*x.1));
                for (n, k) in v.iter().take(a[6].parse().unwrap()) { println!("      {:50} {:9.1}", n, **k as f64 / c.requests as f64); }
            }
        }
        println!("took {:?}", t.elapsed());
    }
}
