/* The clocks of a computer on which somebody sets the time, or that is suspended, for one process (LD_PRELOAD).
 *
 * $LINEGATE_CLOCKS names a file with two numbers of 64 bits, nanoseconds, which may change at any moment: by how much
 * CLOCK_REALTIME is ahead of the true one, and for how long CLOCK_MONOTONIC has stood still while CLOCK_BOOTTIME went on.
 * libfaketime 0.9.10 cannot be had for this: with its CLOCK_MONOTONIC true, clock_nanosleep fails, and so time.sleep.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
static const volatile int64_t none[2];
static const volatile int64_t *offsets = none;
static int (*true_clock)(clockid_t, struct timespec *);
static int (*true_wait)(sem_t *, const struct timespec *);

__attribute__((constructor)) static void begin(void) {
    true_clock = dlsym(RTLD_NEXT, "clock_gettime");
    true_wait = dlsym(RTLD_NEXT, "sem_timedwait");
    const char *path = getenv("LINEGATE_CLOCKS");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) offsets = mapped;
    close(file);
}

static int64_t ns_of(const struct timespec *at) { return at->tv_sec * SECOND + at->tv_nsec; }

static void put_ns(struct timespec *at, int64_t ns) {
    at->tv_sec = ns / SECOND;
    at->tv_nsec = ns % SECOND;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    if (!true_clock) begin();
    int result = true_clock(clock, at);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) put_ns(at, ns_of(at) + offsets[0]);
    if (result == 0 && (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE)) put_ns(at, ns_of(at) - offsets[1]);
    return result;
}

int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

/* As the kernel does it: whoever waits until a time of the wall clock waits the longer when it is set back. */
int sem_timedwait(sem_t *semaphore, const struct timespec *until) {
    for (;;) {
        struct timespec slice, now;
        true_clock(CLOCK_REALTIME, &slice);
        put_ns(&slice, ns_of(&slice) + SECOND / 100);
        if (true_wait(semaphore, &slice) == 0) return 0;
        if (errno != ETIMEDOUT) return -1;
        clock_gettime(CLOCK_REALTIME, &now);
        if (ns_of(&now) >= ns_of(until)) {
            errno = ETIMEDOUT;
            return -1;
        }
    }
}
