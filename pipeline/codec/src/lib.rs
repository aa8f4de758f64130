//! Tells a fault of the machine from damaged data where compressed data is decoded.
//!
//! A decoder reports both as an error. Damaged data is a property of the input: the document is rejected, once and for all.
//! A shortage of memory, disk or file handles is not: the run fails, nothing is stored, and the next run tries again.
//!
//! ```
//! use std::io::Read as _;
//!
//! let packed = [0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3];
//! let error = corpusmill_codec::zstd_decoder(&packed[..])?.read_to_end(&mut Vec::new()).unwrap_err();
//! assert!(!corpusmill_codec::is_machine_fault(&error), "the data is damaged");
//! # Ok::<(), std::io::Error>(())
//! ```

use std::io::{self, BufRead};

/// Code of the zstd library for a failed allocation: the negative of `ZSTD_error_memory_allocation` in `zstd_errors.h`.
const ZSTD_MEMORY_ALLOCATION: usize = 64_usize.wrapping_neg();

/// What `zstd_safe` panics with when it cannot allocate a context.
const ZSTD_CONTEXT_PANIC: &str = "zstd returned null pointer";

/// Whether an error is due to the machine, such as a shortage of memory, disk or file handles, and not to the data.
pub fn is_machine_fault(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    let by_kind = matches!(
        error.kind(),
        Kind::OutOfMemory
            | Kind::StorageFull
            | Kind::QuotaExceeded
            | Kind::FileTooLarge
            | Kind::ReadOnlyFilesystem
            | Kind::PermissionDenied
            | Kind::Interrupted
            | Kind::StaleNetworkFileHandle
            | Kind::ResourceBusy
            | Kind::TimedOut
    );
    // The data cannot make a system call fail.
    by_kind || error.raw_os_error().is_some() || is_out_of_memory(&error.to_string()) || has_machine_cause(error)
}

fn has_machine_cause(error: &io::Error) -> bool {
    let mut cause = error.get_ref().and_then(|inner| inner.source());
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(is_machine_fault) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Whether the message of an error or a panic of a decoder reports a failed allocation. The zstd libraries pass only
/// the text on.
pub fn is_out_of_memory(message: &str) -> bool {
    message.contains(zstd::zstd_safe::get_error_name(ZSTD_MEMORY_ALLOCATION)) || message.contains(ZSTD_CONTEXT_PANIC)
}

/// Runs a step of a decoder that panics on damaged data, and returns its error or panic as text. Therefore no profile may
/// set `panic = "abort"`.
///
/// # Errors
/// The error of the step, or that the data is damaged, or the message of a failed allocation: see [`is_out_of_memory`].
pub fn catch_panic<T, E: std::fmt::Display>(step: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(step)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => {
            let message = panic.downcast_ref::<String>().map_or("", String::as_str);
            Err(if is_out_of_memory(message) { message } else { "the decoder failed on damaged data" }.to_owned())
        }
    }
}

/// A decoder of all frames of a zstd stream.
///
/// # Errors
/// [`io::ErrorKind::OutOfMemory`] if its context cannot be allocated, where `zstd::Decoder` would panic.
pub fn zstd_decoder<R: BufRead>(reader: R) -> io::Result<zstd::Decoder<'static, R>> {
    check_zstd_memory()?;
    zstd::Decoder::with_buffer(reader)
}

/// Checks that a zstd context can be allocated now, since constructors panic if not.
///
/// # Errors
/// [`io::ErrorKind::OutOfMemory`] if it cannot.
pub fn check_zstd_memory() -> io::Result<()> {
    match zstd::zstd_safe::DCtx::try_create() {
        Some(_) => Ok(()),
        None => Err(io::Error::new(io::ErrorKind::OutOfMemory, "not enough memory for a zstd decoder")),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_library_names_a_failed_allocation() {
        assert_eq!(zstd::zstd_safe::get_error_name(ZSTD_MEMORY_ALLOCATION), "Allocation error : not enough memory");
        let error = io::Error::other(zstd::zstd_safe::get_error_name(ZSTD_MEMORY_ALLOCATION));
        assert!(is_machine_fault(&error));
    }

    #[test]
    fn machine_faults_are_known_by_kind_code_and_cause() {
        let os = io::Error::from_raw_os_error(5);
        assert!(is_machine_fault(&os));
        assert!(is_machine_fault(&io::ErrorKind::OutOfMemory.into()));
        let wrapped = io::Error::other(Wrapper(io::ErrorKind::StorageFull.into()));
        assert!(is_machine_fault(&wrapped));
        for data in [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof, io::ErrorKind::InvalidInput] {
            assert!(!is_machine_fault(&data.into()), "{data:?}");
        }
    }

    #[derive(Debug)]
    struct Wrapper(io::Error);

    impl std::fmt::Display for Wrapper {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("cannot decode")
        }
    }

    impl Error for Wrapper {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn damage_is_not_a_fault_of_the_machine() {
        let mut packed = zstd::encode_all(&b"a text of some length, a text of some length"[..], 1).unwrap();
        for at in 4..packed.len() {
            packed[at] ^= 0xff;
            if let Err(error) = zstd_decoder(&packed[..]).unwrap().read_to_end(&mut Vec::new()) {
                assert!(!is_machine_fault(&error), "byte {at}: {error}");
            }
            packed[at] ^= 0xff;
        }
    }
}
