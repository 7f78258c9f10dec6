//! The cache folder: a backend's folder appears in it by one rename, once complete, so that what an
//! interrupted run leaves is never taken for a server.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tracer_factory_testkit::layout::{self, Backend};

use super::Recipe;
use super::workshop::{Control, Workshop, say};

/// The recipe that a folder was built by, in that folder.
const FINGERPRINT: &str = "recipe.txt";
const LOCK_POLL: Duration = Duration::from_millis(200);

pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    pub(crate) fn open() -> Result<Self> {
        let root = layout::cache_root()
            .context("there is no place for the cache: TF_TEST_CACHE, XDG_CACHE_HOME and HOME are unset")?;
        // Tests run in their packages' folders, where a relative path would mean something else.
        Self::at(std::path::absolute(root)?)
    }

    fn at(root: PathBuf) -> Result<Self> {
        fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
        Ok(Self { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether there is what `recipe` makes today.
    pub(super) fn holds(&self, recipe: &Recipe) -> bool {
        let dir = recipe.backend.dir(&self.root);
        fs::read_to_string(dir.join(FINGERPRINT)).is_ok_and(|built_by| built_by == recipe.fingerprint)
    }

    /// Carries out `recipe` unless its result is there.
    pub(super) fn fill(&self, recipe: &Recipe, control: &Control) -> Result<()> {
        let backend = recipe.backend;
        // Held until the end: the partial folder is ours alone. It goes with the process.
        let _lock = self.lock(backend, control)?;
        let dir = backend.dir(&self.root);
        if self.holds(recipe) {
            say(backend, &format!("cached in {}", dir.display()));
            return Ok(());
        }

        let started = Instant::now();
        self.sweep(backend)?;
        // Its own name: a killed run may have left a compiler behind that still writes to its folder.
        let partial = self.beside(backend, &format!("partial-{}", process::id()));
        fs::create_dir(&partial).with_context(|| format!("cannot create {}", partial.display()))?;
        let shop = Workshop::new(backend, &partial, control);
        (recipe.build)(&shop)?;
        ensure!(shop.path(backend.program()).is_file(), "the build left no {}", backend.program());
        shop.write(FINGERPRINT, &recipe.fingerprint)?;

        // What an older recipe made cannot be replaced in one step, only moved out of the way.
        let stale = self.beside(backend, &format!("stale-{}", process::id()));
        if dir.exists() {
            fs::rename(&dir, &stale).with_context(|| format!("cannot move {} away", dir.display()))?;
        }
        fs::rename(&partial, &dir).with_context(|| format!("cannot create {}", dir.display()))?;
        self.sweep(backend)?;
        say(backend, &format!("ready in {} after {} s", dir.display(), started.elapsed().as_secs()));
        Ok(())
    }

    /// Removes what this run and earlier ones that failed have left.
    fn sweep(&self, backend: Backend) -> Result<()> {
        let roles = [self.beside(backend, "partial-"), self.beside(backend, "stale-")];
        let entries =
            fs::read_dir(&self.root).with_context(|| format!("cannot list {}", self.root.display()))?;
        for entry in entries {
            let path = entry?.path();
            let bytes = path.as_os_str().as_encoded_bytes();
            if roles.iter().any(|role| bytes.starts_with(role.as_os_str().as_encoded_bytes())) {
                fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        Ok(())
    }

    fn lock(&self, backend: Backend, control: &Control) -> Result<File> {
        let path = self.beside(backend, "lock");
        let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let mut waiting = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("cannot lock {}", path.display()));
                }
            }
            if !waiting {
                say(backend, "another run is at it, waiting ...");
                waiting = true;
            }
            control.check()?;
            thread::sleep(LOCK_POLL);
        }
    }

    /// A hidden neighbour of the backend's folder, so on the same file system.
    fn beside(&self, backend: Backend, role: &str) -> PathBuf {
        self.root.join(format!(".{}-{}.{role}", backend.name(), backend.version()))
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    const BACKEND: Backend = Backend::Jaeger;

    fn recipe(fingerprint: &str, build: fn(&Workshop<'_>) -> Result<()>) -> Recipe {
        Recipe {
            backend: BACKEND,
            fingerprint: fingerprint.to_owned(),
            builds_with: &[],
            runs_with: &[],
            build,
        }
    }

    fn cache() -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path().join("cache")).unwrap();
        (dir, cache)
    }

    fn program(cache: &Cache) -> Result<String, std::io::Error> {
        fs::read_to_string(BACKEND.dir(&cache.root).join(BACKEND.program()))
    }

    fn works(shop: &Workshop<'_>) -> Result<()> {
        shop.write(BACKEND.program(), "first")
    }

    #[test]
    fn a_result_is_kept_and_not_built_twice() {
        let (_dir, cache) = cache();
        let control = Control::in_foreground();
        cache.fill(&recipe("a", works), &control).unwrap();
        assert!(cache.holds(&recipe("a", works)));
        cache.fill(&recipe("a", |_| bail!("built again")), &control).unwrap();
        assert_eq!(program(&cache).unwrap(), "first");
    }

    #[test]
    fn a_changed_recipe_replaces_the_result() {
        let (_dir, cache) = cache();
        let control = Control::in_foreground();
        cache.fill(&recipe("a", works), &control).unwrap();
        cache.fill(&recipe("b", |shop| shop.write(BACKEND.program(), "second")), &control).unwrap();
        assert_eq!(program(&cache).unwrap(), "second");
        assert!(!cache.holds(&recipe("a", works)));
    }

    #[test]
    fn a_failed_build_leaves_nothing_that_looks_complete_and_is_tried_again() {
        let (_dir, cache) = cache();
        let control = Control::in_foreground();
        let fails = |shop: &Workshop<'_>| {
            shop.write(BACKEND.program(), "half")?;
            bail!("no more")
        };
        assert!(cache.fill(&recipe("a", fails), &control).is_err());
        assert!(!BACKEND.dir(&cache.root).exists());
        cache.fill(&recipe("a", works), &control).unwrap();
        assert_eq!(program(&cache).unwrap(), "first");
        let left = fs::read_dir(&cache.root).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir());
        assert_eq!(left.count(), 1, "only the result is left");
    }

    #[test]
    fn a_build_without_its_program_is_an_error() {
        let (_dir, cache) = cache();
        assert!(cache.fill(&recipe("a", |_| Ok(())), &Control::in_foreground()).is_err());
    }

    #[test]
    fn one_run_at_a_time() {
        let (_dir, cache) = cache();
        let held = cache.lock(BACKEND, &Control::in_foreground()).unwrap();
        let called_off = Control::in_foreground();
        called_off.cancel();
        assert!(cache.fill(&recipe("a", works), &called_off).is_err());
        drop(held);
        cache.fill(&recipe("a", works), &Control::in_foreground()).unwrap();
    }
}
