/*
 * Records what a process writes below one folder, for the tests of power loss and of I/O errors. It
 * is preloaded into the process (LD_PRELOAD). Each record has the order in which the operations took
 * effect: one mutex spans an operation and its record.
 *
 * POWER_FOLDER  absolute path; files below it are recorded
 * POWER_TRACE   file that the records are appended to
 * POWER_FAIL    `write:7`: the 7th write to the database, its log or a backup fails with EIO; also
 *               sync and read
 * POWER_READS   if set, reads are recorded too, without their bytes
 * POWER_KILL    number of the record after which the process kills itself
 *
 * The formats of the records are in trace.ts. Close is not recorded, because libuv closes without
 * the function of the C library: a descriptor is recognised by its device and inode instead.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Old versions of musl define these names as macros. */
#undef open64
#undef openat64
#undef pread64
#undef pwrite64
#undef ftruncate64

enum kind { OPEN = 1, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, LINK, MKDIR, REPLY, FAIL, READ };

/** Flags of an OPEN record. */
enum { CREATED = 1, EMPTIED = 2 };

struct header {
  uint32_t bytes;
  uint16_t kind;
  uint16_t flags;
  uint32_t handle;
  uint32_t first;
  uint32_t second;
  uint32_t unused;
  int64_t offset;
};

struct file {
  uint32_t handle;
  int canFail;
  int owesError;
  dev_t device;
  ino_t inode;
};

#define DESCRIPTORS 65536
static struct file files[DESCRIPTORS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *folder;
static int trace = -1, recordsReads;
static uint32_t opened;
static long records, killAt, calls, failAt;
static char failing;

__attribute__((constructor)) static void start(void) {
  folder = getenv("POWER_FOLDER");
  const char *path = getenv("POWER_TRACE");
  if (!folder || !path) return;
  trace = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  const char *kill = getenv("POWER_KILL");
  if (kill) killAt = atol(kill);
  recordsReads = getenv("POWER_READS") != NULL;
  const char *fail = getenv("POWER_FAIL");
  if (fail && strchr(fail, ':')) {
    failing = fail[0];
    failAt = atol(strchr(fail, ':') + 1);
  }
}

static int endsWith(const char *text, const char *end) {
  size_t length = strlen(text), tail = strlen(end);
  return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* SQLite rebuilds the shared memory; the ballast has no content. */
static int isRecorded(const char *path) {
  if (trace < 0 || !path || strncmp(path, folder, strlen(folder)) != 0) return 0;
  return !endsWith(path, "-shm") && !endsWith(path, ".ballast") && !endsWith(path, ".ballast.partial");
}

static void append(struct header header, const void *first, const void *second) {
  header.bytes = sizeof header + header.first + header.second;
  struct iovec parts[] = {
      {&header, sizeof header}, {(void *)first, header.first}, {(void *)second, header.second}};
  if (syscall(SYS_writev, trace, parts, 3) != header.bytes) abort();
  records += 1;
  if (records == killAt) kill(getpid(), SIGKILL);
}

static struct file *fileOf(int descriptor) {
  if (trace < 0 || descriptor < 0 || descriptor >= DESCRIPTORS) return NULL;
  struct file *file = &files[descriptor];
  if (file->handle == 0) return NULL;
  struct stat found;
  if (fstat(descriptor, &found) == 0 && found.st_dev == file->device && found.st_ino == file->inode) return file;
  file->handle = 0;
  return NULL;
}

/* The system reports a failed sync once to each descriptor that was open on the file. */
static int mustFail(struct file *file, char kind) {
  if (failing != kind || !file->canFail) return 0;
  if (file->owesError) return !(file->owesError = 0);
  calls += 1;
  if (calls != failAt) return 0;
  for (struct file *other = files; kind == 's' && other < files + DESCRIPTORS; other += 1)
    other->owesError = other != file && other->handle && other->device == file->device && other->inode == file->inode;
  append((struct header){.kind = FAIL, .handle = file->handle, .first = 1}, &kind, NULL);
  return 1;
}

int open(const char *path, int flags, ...) {
  mode_t mode = 0;
  if (flags & (O_CREAT | O_TMPFILE)) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  if (!isRecorded(path)) {
    int descriptor = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (descriptor >= 0 && descriptor < DESCRIPTORS) files[descriptor].handle = 0;
    return descriptor;
  }
  pthread_mutex_lock(&mutex);
  int existed = access(path, F_OK) == 0;
  int descriptor = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  int error = errno;
  struct stat found;
  if (descriptor >= 0 && descriptor < DESCRIPTORS && fstat(descriptor, &found) == 0) {
    opened += 1;
    uint32_t handle = ((uint32_t)getpid() << 16) + opened;
    int canFail = endsWith(path, ".db") || endsWith(path, "-wal") || endsWith(path, ".partial");
    files[descriptor] = (struct file){handle, canFail, 0, found.st_dev, found.st_ino};
    struct header header = {.kind = OPEN, .handle = handle, .first = strlen(path)};
    header.flags = (existed ? 0 : CREATED) | (flags & O_TRUNC ? EMPTIED : 0);
    append(header, path, NULL);
  }
  pthread_mutex_unlock(&mutex);
  errno = error;
  return descriptor;
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

/* `offset` is -1 for a write at the position of the descriptor. */
static ssize_t writeRecorded(int descriptor, const void *data, size_t bytes, off_t offset) {
  struct file *file = fileOf(descriptor);
  long call = offset < 0 ? SYS_write : SYS_pwrite64;
  if (!file) return syscall(call, descriptor, data, bytes, offset);
  pthread_mutex_lock(&mutex);
  int fails = mustFail(file, 'w');
  /* Every second failure leaves the first half behind. */
  size_t part = fails ? (failAt % 2) * (bytes / 2) : bytes;
  int appends = offset < 0 && (fcntl(descriptor, F_GETFL) & O_APPEND);
  off_t at = offset >= 0 ? offset : lseek(descriptor, 0, appends ? SEEK_END : SEEK_CUR);
  ssize_t written = part == 0 && fails ? 0 : syscall(call, descriptor, data, part, offset);
  int error = errno;
  if (written > 0) append((struct header){.kind = WRITE, .handle = file->handle, .second = written, .offset = at}, NULL, data);
  pthread_mutex_unlock(&mutex);
  errno = fails ? EIO : error;
  return fails ? -1 : written;
}

/* The mark comes before the bytes leave: an answer that a caller has read has a mark before it. */
static void markReply(int descriptor) {
  struct stat found;
  /* A standard output may be a socket, and has no caller behind it. */
  if (trace < 0 || descriptor <= STDERR_FILENO || fstat(descriptor, &found) != 0 || !S_ISSOCK(found.st_mode)) return;
  pthread_mutex_lock(&mutex);
  append((struct header){.kind = REPLY}, NULL, NULL);
  pthread_mutex_unlock(&mutex);
}

ssize_t write(int descriptor, const void *data, size_t bytes) {
  if (!fileOf(descriptor)) markReply(descriptor);
  return writeRecorded(descriptor, data, bytes, -1);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  if (!fileOf(descriptor)) {
    markReply(descriptor);
    return syscall(SYS_writev, descriptor, parts, count);
  }
  ssize_t total = 0;
  for (int part = 0; part < count; part += 1) {
    ssize_t written = writeRecorded(descriptor, parts[part].iov_base, parts[part].iov_len, -1);
    if (written < 0) return total > 0 ? total : written;
    total += written;
    if ((size_t)written < parts[part].iov_len) break;
  }
  return total;
}

ssize_t pwrite(int descriptor, const void *data, size_t bytes, off_t offset) {
  return writeRecorded(descriptor, data, bytes, offset);
}

ssize_t pwrite64(int descriptor, const void *data, size_t bytes, off_t offset) __attribute__((alias("pwrite")));

ssize_t pread(int descriptor, void *data, size_t bytes, off_t offset) {
  struct file *file = failing == 'r' || recordsReads ? fileOf(descriptor) : NULL;
  if (file) {
    pthread_mutex_lock(&mutex);
    int fails = mustFail(file, 'r');
    if (recordsReads) append((struct header){.kind = READ, .handle = file->handle}, NULL, NULL);
    pthread_mutex_unlock(&mutex);
    if (fails) {
      errno = EIO;
      return -1;
    }
  }
  return syscall(SYS_pread64, descriptor, data, bytes, offset);
}

ssize_t pread64(int descriptor, void *data, size_t bytes, off_t offset) __attribute__((alias("pread")));

int ftruncate(int descriptor, off_t length) {
  struct file *file = fileOf(descriptor);
  if (!file) return syscall(SYS_ftruncate, descriptor, length);
  pthread_mutex_lock(&mutex);
  int result = syscall(SYS_ftruncate, descriptor, length);
  if (result == 0) append((struct header){.kind = TRUNCATE, .handle = file->handle, .offset = length}, NULL, NULL);
  pthread_mutex_unlock(&mutex);
  return result;
}

int ftruncate64(int descriptor, off_t length) __attribute__((alias("ftruncate")));

static int syncRecorded(int descriptor, long call) {
  struct file *file = fileOf(descriptor);
  if (!file) return syscall(call, descriptor);
  pthread_mutex_lock(&mutex);
  int fails = mustFail(file, 's');
  int result = fails ? -1 : syscall(call, descriptor);
  if (result == 0) append((struct header){.kind = SYNC, .handle = file->handle}, NULL, NULL);
  pthread_mutex_unlock(&mutex);
  if (fails) errno = EIO;
  return result;
}

int fsync(int descriptor) { return syncRecorded(descriptor, SYS_fsync); }
int fdatasync(int descriptor) { return syncRecorded(descriptor, SYS_fdatasync); }

/* An operation on names, recorded if it succeeds. */
#define RECORD_NAMES(operation, from, to, call)                 \
  if (!isRecorded(from)) return call;                           \
  pthread_mutex_lock(&mutex);                                   \
  int result = call;                                            \
  int error = errno;                                            \
  struct header header = {.kind = operation};                   \
  header.first = strlen(from);                                  \
  header.second = strlen(to);                                   \
  if (result == 0) append(header, from, to);                    \
  pthread_mutex_unlock(&mutex);                                 \
  errno = error;                                                \
  return result;

int rename(const char *from, const char *to) {
  RECORD_NAMES(RENAME, from, to, syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0))
}

int link(const char *from, const char *to) {
  RECORD_NAMES(LINK, from, to, syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0))
}

int mkdir(const char *path, mode_t mode) {
  RECORD_NAMES(MKDIR, path, "", syscall(SYS_mkdirat, AT_FDCWD, path, mode))
}

int unlinkat(int at, const char *path, int flags) {
  RECORD_NAMES(UNLINK, path, "", syscall(SYS_unlinkat, at, path, flags))
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int remove(const char *path) {
  struct stat found;
  int isFolder = lstat(path, &found) == 0 && S_ISDIR(found.st_mode);
  return unlinkat(AT_FDCWD, path, isFolder ? AT_REMOVEDIR : 0);
}
