//! The allocator of the binary and its settings.
//!
//! jemalloc reads its settings before `main`, from a string that the linker finds by name. They are
//! kept here and not in an environment variable of the build, which `cargo install` from elsewhere
//! and packages would not set.

/// Returns the memory of a poll to the system; `docs/performance.md` compares it with the other
/// allocators that were measured.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A poll of a large account allocates and frees many times what is kept: half a second later that
/// memory is returned to the system, by a background thread and not by the thread that freed it.
/// `_RJEM_MALLOC_CONF` in the environment overrides these settings.
const SETTINGS: &[u8] =
    c"background_thread:true,dirty_decay_ms:500,muzzy_decay_ms:0,narenas:4".to_bytes_with_nul();

/// Where jemalloc looks for its settings: `const char *malloc_conf`, with the crate's prefix.
#[expect(
    unsafe_code,
    reason = "an exported symbol is the only way to set options that are read before `main`; \
              the name is jemalloc's own, and the string is static and ends with a NUL"
)]
#[unsafe(export_name = "_rjem_malloc_conf")]
static MALLOC_CONF: Option<&[u8; SETTINGS.len()]> = SETTINGS.first_chunk();
