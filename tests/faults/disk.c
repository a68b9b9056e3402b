/* A disk that can be made to fail, before a process that believes it writes to files (LD_PRELOAD). Built by disk.py.
   DISK_FAULT names a file that says how it is: "ok", "eio", "erofs", "enospc", "slow MS" (each sync takes so long).
   DISK_LOG names a file that gets a record of every change, in order: op, name, offset, length, bytes.
   Only files whose name begins with one of those in DISK_FILES (comma separated) are concerned. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 'w', TRUNCATE = 't', SYNC_BEGIN = 'b', SYNC_END = 'e', RENAME = 'r' };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int concerned(int fd, char *name) { /* the name without its folder; a folder is "/" */
    char link[64], path[PATH_MAX];
    struct stat found;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    const char *files = getenv("DISK_FILES");
    if (length <= 0 || !files || path[0] != '/') return 0;
    path[length] = 0;
    strcpy(name, strrchr(path, '/') + 1);
    for (const char *one = files; *one; one += strcspn(one, ","), one += *one == ',')
        if (!strncmp(name, one, strcspn(one, ","))) return 1;
    if (getenv("DISK_LOG") && !fstat(fd, &found) && S_ISDIR(found.st_mode)) return strcpy(name, "/"), 1;
    return 0;
}

static void record(char op, const char *name, uint64_t offset, const void *data, uint32_t length) {
    static int log_fd = -1;
    const char *path = getenv("DISK_LOG");
    if (!path || strstr(name, "-shm")) return;
    uint16_t name_length = strlen(name);
    struct iovec parts[] = {{&op, 1}, {&name_length, 2}, {(void *)name, name_length}, {&offset, 8}, {&length, 4},
                            {(void *)data, data ? length : 0}};
    pthread_mutex_lock(&lock);
    if (log_fd < 0) log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    writev(log_fd, parts, 6);
    pthread_mutex_unlock(&lock);
}

static int state(int *sync_ms) { /* errno of the moment, 0 = the disk is well */
    char text[32] = "";
    const char *path = getenv("DISK_FAULT");
    int fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return 0;
    if (read(fd, text, sizeof text - 1) > 4 && !strncmp(text, "slow", 4)) *sync_ms = atoi(text + 5);
    syscall(SYS_close, fd);
    return !strcmp(text, "eio") ? EIO : !strcmp(text, "erofs") ? EROFS : !strcmp(text, "enospc") ? ENOSPC : 0;
}

static int fails(int fd, char *name, int *concerns, int *sync_ms) {
    *sync_ms = 0;
    *concerns = concerned(fd, name);
    int error = *concerns ? state(sync_ms) : 0;
    if (error) errno = error;
    return error;
}

#define REAL(result, name, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    char name[PATH_MAX];
    int concerns, sync_ms;
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    if (fails(fd, name, &concerns, &sync_ms)) return -1;
    ssize_t written = real(fd, data, length, offset);
    if (concerns && written > 0) record(WRITE, name, offset, data, written);
    return written;
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return pwrite64(fd, data, length, offset); }

ssize_t write(int fd, const void *data, size_t length) {
    char name[PATH_MAX];
    int concerns, sync_ms;
    REAL(ssize_t, "write", int, const void *, size_t);
    if (fails(fd, name, &concerns, &sync_ms)) return -1;
    off_t offset = concerns ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t written = real(fd, data, length);
    if (concerns && written > 0) record(WRITE, name, offset, data, written);
    return written;
}

int ftruncate64(int fd, off64_t length) {
    char name[PATH_MAX];
    int concerns, sync_ms;
    REAL(int, "ftruncate64", int, off64_t);
    if (fails(fd, name, &concerns, &sync_ms)) return -1;
    int result = real(fd, length);
    if (concerns && !result) record(TRUNCATE, name, length, NULL, 0);
    return result;
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int synced(int fd, int (*real)(int)) {
    char name[PATH_MAX];
    int concerns, sync_ms;
    if (fails(fd, name, &concerns, &sync_ms)) return -1;
    if (concerns) record(SYNC_BEGIN, name, 0, NULL, 0);
    if (sync_ms) nanosleep(&(struct timespec){sync_ms / 1000, sync_ms % 1000 * 1000000L}, NULL);
    int result = real(fd);
    if (concerns && !result) record(SYNC_END, name, 0, NULL, 0);
    return result;
}
int fsync(int fd) {
    REAL(int, "fsync", int);
    return synced(fd, real);
}
int fdatasync(int fd) {
    REAL(int, "fdatasync", int);
    return synced(fd, real);
}

int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    int result = real(from, to);
    const char *old = strrchr(from, '/'), *new = strrchr(to, '/');
    if (!result && old && new) record(RENAME, old + 1, 0, new + 1, strlen(new + 1));
    return result;
}
