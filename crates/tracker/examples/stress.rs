// SPDX-License-Identifier: MIT OR Apache-2.0

//! Writers and readers who do what bcache's hooks do, with a disk that is plain memory: what to run
//! under a sanitizer.
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer" \
//!     cargo run -p tracker --example stress --target x86_64-unknown-linux-gnu \
//!     --target-dir target/tsan
//! ```
//!
//! With `early` as its argument the writers clear too soon, and ThreadSanitizer has to find a data
//! race. Threads and locks are libc's, which the sanitizer knows: those of `std` come compiled
//! without it, and it takes what it cannot see in them for races.

use std::{
    cell::UnsafeCell,
    env,
    ffi::{c_int, c_void},
    ptr,
    sync::atomic::{
        AtomicBool,
        Ordering::{Acquire, Release},
    },
};

use tracker::{
    empty::empty,
    inflight_table::{
        check::Overlap,
        range::{CHUNK_SHIFT, Range},
        table,
    },
    precision::Random,
};

/// Small enough that all of its parts are in use.
type Table = table::Table<1, 2>;

/// Blocks of the disk, of 8 sectors, and the sectors between their starts: some share a granule,
/// others only a chunk.
const BLOCKS: usize = 48;
const APART: u64 = (1 << CHUNK_SHIFT) / 40;

const THREADS: usize = 4;
const ROUNDS: u64 = 50_000;

/// `pthread_mutex_t` and `pthread_t` of Linux, all zero being the unlocked mutex.
#[repr(C, align(8))]
struct Mutex([u8; 64]);

unsafe extern "C" {
    fn pthread_create(
        thread: *mut usize,
        attributes: *const c_void,
        start: extern "C" fn(*mut c_void) -> *mut c_void,
        argument: *mut c_void,
    ) -> c_int;
    fn pthread_join(thread: usize, result: *mut *mut c_void) -> c_int;
    fn pthread_mutex_lock(mutex: *mut Mutex) -> c_int;
    fn pthread_mutex_unlock(mutex: *mut Mutex) -> c_int;
}

/// A block: its leaf under a lock, its data, and whether somebody writes it.
struct Block {
    lock: UnsafeCell<Mutex>,
    /// How many invalidations there were; under the lock.
    invalidated: UnsafeCell<u64>,
    /// How many writes have landed.
    data: UnsafeCell<u64>,
    /// Two writes of one block are the user's race, not ours.
    writing: AtomicBool,
}

impl Block {
    fn locked<R>(&self, f: impl FnOnce(&mut u64) -> R) -> R {
        // SAFETY: the mutex is initialised, and gives one thread at a time what it protects.
        unsafe {
            pthread_mutex_lock(self.lock.get());
            let result = f(&mut *self.invalidated.get());
            pthread_mutex_unlock(self.lock.get());
            result
        }
    }
}

struct World {
    table: Table,
    blocks: [Block; BLOCKS],
    early: bool,
}

fn range(block: usize, sectors: u32) -> Range {
    Range::new(block as u64 * APART, sectors).expect("not empty")
}

/// A bypass write. Its length decides where in the table it is recorded.
fn write(world: &World, at: usize, sectors: u32) {
    let block = &world.blocks[at];
    if block.writing.swap(true, Acquire) {
        return;
    }
    let range = range(at, sectors);
    let place = world.table.record(range);
    block.locked(|invalidated| *invalidated += 1);
    if world.early {
        world.table.clear(range, place);
    }
    // SAFETY: the only writer; readers keep away, or the sanitizer tells.
    unsafe { *block.data.get() += 1 };
    if !world.early {
        world.table.clear(range, place);
    }
    // For the next writer: readers have nothing but the table to go by.
    block.writing.store(false, Release);
}

/// A read miss; returns whether it was cached.
fn read(world: &World, at: usize) -> bool {
    let block = &world.blocks[at];
    let invalidated = block.locked(|invalidated| *invalidated);
    if world.table.check(range(at, 8)) != Overlap::None {
        return false;
    }
    // Once more under the lock: a write that came later would remove the placeholder.
    block.locked(|now| {
        if *now != invalidated {
            return false;
        }
        // SAFETY: a writer from now on waits for the lock before it writes, and all before have
        // been cleared, or the sanitizer tells.
        let data = unsafe { *block.data.get() };
        assert!(world.early || data == invalidated, "old data cached");
        true
    })
}

struct Task {
    world: *const World,
    seed: u64,
    cached: u64,
}

extern "C" fn work(task: *mut c_void) -> *mut c_void {
    // SAFETY: `main` gives each thread a task of its own and waits for the thread.
    let (task, world) = unsafe {
        let task = &mut *task.cast::<Task>();
        let world = &*task.world;
        (task, world)
    };
    let mut random = Random(task.seed);
    for _ in 0..ROUNDS {
        let at = random.below(BLOCKS as u64) as usize;
        match random.below(8) {
            0 | 1 => write(world, at, 8),
            2 => write(world, at, 2000),
            3 => write(world, at, (1 << CHUNK_SHIFT) + 8),
            _ => task.cached += u64::from(read(world, at)),
        }
    }
    ptr::null_mut()
}

fn main() {
    let block = |_| Block {
        lock: Mutex([0; 64]).into(),
        invalidated: 0.into(),
        data: 0.into(),
        writing: false.into(),
    };
    let early = env::args().nth(1).is_some_and(|word| word == "early");
    let world = World { table: empty(), blocks: std::array::from_fn(block), early };
    let mut tasks: Vec<Task> =
        (0..THREADS as u64).map(|seed| Task { world: &raw const world, seed, cached: 0 }).collect();
    let threads: Vec<usize> = tasks
        .iter_mut()
        .map(|task| {
            let mut thread = 0;
            // SAFETY: the task lives until the thread has been joined.
            let error = unsafe {
                pthread_create(&mut thread, ptr::null(), work, ptr::from_mut(task).cast())
            };
            assert_eq!(error, 0, "no thread");
            thread
        })
        .collect();
    for thread in threads {
        // SAFETY: it was created above and is joined once.
        assert_eq!(unsafe { pthread_join(thread, ptr::null_mut()) }, 0);
    }
    assert!(world.table.is_empty(), "something was left behind");
    let cached: u64 = tasks.iter().map(|task| task.cached).sum();
    let writes: u64 =
        // SAFETY: all threads have ended.
        world.blocks.iter().map(|block| unsafe { *block.data.get() }).sum();
    println!("{writes} writes, {cached} reads cached beside them, nothing left behind");
}
