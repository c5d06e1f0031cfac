# SPDX-License-Identifier: MIT OR Apache-2.0
# For the console of `cargo xtask shell`: a sequential stream round the cache over a leaf that
# is not in memory. `writes` is how many requests its 32 writes were for the backing device.
echo 1 > /sys/block/bcache0/bcache/stop; for s in /sys/fs/bcache/*-*; do echo 1 > $s/stop; done; sleep 1
dd if=/dev/zero of=/dev/vda bs=4k count=16 2>/dev/null; dd if=/dev/zero of=/dev/vdb bs=4k count=16 2>/dev/null; make-bcache --bucket 8k -C /dev/vda -B /dev/vdb 2>&1 | tail -3
echo /dev/vda > /sys/fs/bcache/register; echo /dev/vdb > /sys/fs/bcache/register; sleep 1
D=/sys/block/bcache0/bcache; S=$(echo /sys/fs/bcache/*-*)
echo writearound > $D/cache_mode; echo 0 > $D/sequential_cutoff; echo 0 > $S/congested_read_threshold_us; echo 0 > $S/congested_write_threshold_us
[ -e $D/ordered_invalidation ] && echo 1 > $D/ordered_invalidation
P="--filename=/dev/bcache0 --direct=1 --ioengine=libaio --bs=4k --clocksource=clock_gettime --output=/dev/null"
fio $P --name=p1 --rw=read:4k --iodepth=8 --offset=0 --size=512k
fio $P --name=p2 --rw=read:4k --iodepth=8 --offset=768k --size=40m
sleep 1
echo 1000000000 > $S/internal/prune_cache
A=$(awk "{print \$5}" /sys/block/vdb/stat)
fio $P --name=w --rw=write --iodepth=32 --iodepth_batch_submit=32 --offset=512k --size=128k
B=$(awk "{print \$5}" /sys/block/vdb/stat)
echo writes $((B - A))
poweroff
