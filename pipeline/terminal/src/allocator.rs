//! Configures how the C library's allocator handles freed memory.
//!
//! A training step, and a stage that reads batch after batch, free and allocate the same large blocks. By default glibc
//! returns them to the system in between, and the system clears every page again, which takes up to a sixth of the CPU
//! time. Invariant: only freed memory is kept, at most the given number of bytes at the end of each heap.

/// Keeps up to `bytes` of freed memory for later use, on Linux with glibc; does nothing elsewhere. Call it once, at the
/// start.
pub fn keep_freed_memory(bytes: usize) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
        #[expect(unsafe_code, reason = "mallopt sets two allocator parameters; it accesses no memory of this program")]
        // SAFETY: `mallopt` may be called at any time, from any thread, with any value.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, bytes.min(1 << 30));
            libc::mallopt(libc::M_TRIM_THRESHOLD, bytes);
        }
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = bytes;
}
