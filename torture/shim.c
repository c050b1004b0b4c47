/*
 * Stands between a program and its disk (LD_PRELOAD): at the k-th sync or write of one file it fails, or ends the process.
 *
 *   TORTURE_FAULT    "sync 17 EIO", "write 120 ENOSPC", "write 44 KILL"
 *   TORTURE_FILE     the database; its -wal is meant, too
 *   TORTURE_WITNESS  is told of the fault before anybody else
 *
 * Every sync after a failed one succeeds, as on Linux: whoever trusts it has lost what was written before.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* A commit writes the WAL and syncs it; whatever else there is to sync or write belongs to a checkpoint. */
static atomic_int wal_is_dirty;
static atomic_long seen;
static long at;
static int on_sync, does; /* 0: end the process; else errno */
static const char *file;

__attribute__((constructor)) static void begin(void) {
  char call[8] = "", what[8] = "";
  const char *plan = getenv("TORTURE_FAULT");
  file = getenv("TORTURE_FILE");
  if (plan == NULL || file == NULL || sscanf(plan, "%7s %ld %7s", call, &at, what) != 3) at = 0;
  on_sync = strcmp(call, "sync") == 0;
  does = strcmp(what, "EIO") == 0 ? EIO : strcmp(what, "ENOSPC") == 0 ? ENOSPC : 0;
}

/* 0: no, 1: the database, 2: its WAL */
static int is_ours(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  size_t n = strlen(file);
  if (strncmp(path, file, n) != 0) return 0;
  return path[n] == 0 ? 1 : strcmp(path + n, "-wal") == 0 ? 2 : 0;
}

static void tell(int is_commit) {
  const char *witness = getenv("TORTURE_WITNESS");
  int fd = witness == NULL ? -1 : open(witness, O_WRONLY | O_APPEND);
  char line[96];
  int length = snprintf(line, sizeof line, "{\"fault\":\"%s\",\"of\":\"%s\"}\n",
                        getenv("TORTURE_FAULT"), is_commit ? "commit" : "checkpoint");
  if (fd >= 0 && write(fd, line, length) < 0) abort();
  if (fd >= 0) close(fd);
}

/* True if this call is to fail; errno says how. */
static int fails(int fd, int sync) {
  int which = at == 0 ? 0 : is_ours(fd);
  if (which == 0) return 0;
  int is_commit = which == 2 && (!sync || atomic_load(&wal_is_dirty));
  if (which == 2) atomic_store(&wal_is_dirty, !sync);
  if (sync != on_sync || atomic_fetch_add(&seen, 1) + 1 != at) return 0;
  tell(is_commit);
  if (does == 0) kill(getpid(), SIGKILL);
  errno = does;
  return 1;
}

int fsync(int fd) {
  static int (*real)(int);
  if (real == NULL) real = dlsym(RTLD_NEXT, "fsync");
  return fails(fd, 1) ? -1 : real(fd);
}

int fdatasync(int fd) {
  static int (*real)(int);
  if (real == NULL) real = dlsym(RTLD_NEXT, "fdatasync");
  return fails(fd, 1) ? -1 : real(fd);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  static ssize_t (*real)(int, const void *, size_t, off64_t);
  if (real == NULL) real = dlsym(RTLD_NEXT, "pwrite64");
  return fails(fd, 0) ? -1 : real(fd, bytes, count, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  static ssize_t (*real)(int, const void *, size_t, off_t);
  if (real == NULL) real = dlsym(RTLD_NEXT, "pwrite");
  return fails(fd, 0) ? -1 : real(fd, bytes, count, offset);
}
