// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the tracker needs of the kernel crate's `sync`.

/// The kernel's names for atomics, on those of `crate::raw`: `std`'s, or loom's.
///
/// The orderings are types, as in the kernel. `Full`, which orders everything before with
/// everything after, becomes `SeqCst`: weaker in theory, so that what is shown with it holds.
pub mod atomic {
    use std::sync::atomic::Ordering;

    use crate::raw::AtomicU64;

    /// An ordering, as a value of a type of its own.
    pub trait Order {
        /// Its name in `std`.
        const STD: Ordering;
    }

    macro_rules! orders {
        ($($(#[$doc:meta])* $name:ident = $std:ident,)*) => {$(
            $(#[$doc])*
            pub struct $name;
            impl Order for $name {
                const STD: Ordering = Ordering::$std;
            }
        )*};
    }

    orders! {
        /// No ordering.
        Relaxed = Relaxed,
        /// What follows stays behind this load.
        Acquire = Acquire,
        /// What precedes stays before this store.
        Release = Release,
        /// Both, and in one order with all others.
        Full = SeqCst,
    }

    /// An integer that `Atomic` exists for.
    pub trait AtomicType: Copy {
        /// Its atomic.
        type Repr;
        /// An atomic with this value.
        fn atomic(self) -> Self::Repr;
        /// Reads.
        fn load(at: &Self::Repr, order: Ordering) -> Self;
        /// Writes.
        fn store(self, at: &Self::Repr, order: Ordering);
        /// Adds; returns the value before.
        fn fetch_add(self, at: &Self::Repr, order: Ordering) -> Self;
        /// Subtracts; returns the value before.
        fn fetch_sub(self, at: &Self::Repr, order: Ordering) -> Self;
        /// Writes where there is `old`.
        ///
        /// # Errors
        /// The value that was there instead.
        fn cmpxchg(self, at: &Self::Repr, old: Self, order: Ordering) -> Result<Self, Self>;
    }

    macro_rules! atomics {
        ($($int:ty: $repr:ty,)*) => {$(
            impl AtomicType for $int {
                type Repr = $repr;
                #[inline(always)]
                fn atomic(self) -> $repr {
                    <$repr>::new(self)
                }
                #[inline(always)]
                fn load(at: &$repr, order: Ordering) -> Self {
                    at.load(order)
                }
                #[inline(always)]
                fn store(self, at: &$repr, order: Ordering) {
                    at.store(self, order);
                }
                #[inline(always)]
                fn fetch_add(self, at: &$repr, order: Ordering) -> Self {
                    at.fetch_add(self, order)
                }
                #[inline(always)]
                fn fetch_sub(self, at: &$repr, order: Ordering) -> Self {
                    at.fetch_sub(self, order)
                }
                #[inline(always)]
                fn cmpxchg(self, at: &$repr, old: Self, order: Ordering) -> Result<Self, Self> {
                    at.compare_exchange(old, self, order, Ordering::Relaxed)
                }
            }
        )*};
    }

    atomics! {
        u64: AtomicU64,
    }

    /// An atomic integer.
    #[repr(transparent)]
    pub struct Atomic<T: AtomicType>(T::Repr);

    impl<T: AtomicType> Atomic<T> {
        /// An atomic with this value.
        pub fn new(value: T) -> Self {
            Self(value.atomic())
        }

        /// Reads.
        #[inline(always)]
        pub fn load<O: Order>(&self, _: O) -> T {
            T::load(&self.0, O::STD)
        }

        /// Writes.
        #[inline(always)]
        pub fn store<O: Order>(&self, value: T, _: O) {
            value.store(&self.0, O::STD);
        }

        /// Adds; returns the value before.
        #[inline(always)]
        pub fn fetch_add<O: Order>(&self, value: T, _: O) -> T {
            value.fetch_add(&self.0, O::STD)
        }

        /// Subtracts; returns the value before.
        #[inline(always)]
        pub fn fetch_sub<O: Order>(&self, value: T, _: O) -> T {
            value.fetch_sub(&self.0, O::STD)
        }

        /// Writes `new` where there is `old`.
        ///
        /// # Errors
        /// The value that was there instead.
        #[inline(always)]
        pub fn cmpxchg<O: Order>(&self, old: T, new: T, _: O) -> Result<T, T> {
            new.cmpxchg(&self.0, old, O::STD)
        }
    }
}
