//! How the C library's allocator treats memory that was freed.
//!
//! A training step frees and takes again the same large blocks. By default glibc gives them back to the system in
//! between, which then clears every page anew: a sixth of the processor time of a small model's step. Invariant: the
//! highest use of memory stays as it is; only what is free is kept.

/// Keeps freed memory for the next step, on Linux with glibc; does nothing elsewhere. Call it once, at the start.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "mallopt sets two numbers of the allocator; it reads no memory of ours")]
    // SAFETY: `mallopt` may be called at any time, from any thread, with any value.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 30);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}
