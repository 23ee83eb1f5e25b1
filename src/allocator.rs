//! The allocator of the binary and its settings.
//!
//! jemalloc reads its settings before `main`, from a string that the linker finds by name. They are
//! kept here and not in a variable of the build: that would hold only in builds that see it, which
//! `cargo install` from elsewhere and packages do not.

/// Gives the memory of a poll back to the system; `docs/performance.md` has the others that were
/// measured.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A poll of a large account takes and frees many times what is kept: half a second later that
/// memory goes back to the system, by a thread of its own and not by whoever frees. Whoever wants
/// other settings overrides them with `_RJEM_MALLOC_CONF` in the environment.
const SETTINGS: &[u8] =
    c"background_thread:true,dirty_decay_ms:500,muzzy_decay_ms:0,narenas:4".to_bytes_with_nul();

/// Where jemalloc looks for its settings: `const char *malloc_conf`, with the crate's prefix.
#[expect(
    unsafe_code,
    reason = "an exported symbol is the only way to set options that are read before `main`; \
              the name is jemalloc's own, and the string ends with a NUL and lives for ever"
)]
#[unsafe(export_name = "_rjem_malloc_conf")]
static MALLOC_CONF: Option<&[u8; SETTINGS.len()]> = SETTINGS.first_chunk();
