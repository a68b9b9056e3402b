/* A GenTL producer with two cameras: "T1", which a test can make fail by writing its features, and "HELD", which
   somebody else has open. Built by gentl_camera.py, which also writes the cameras' description. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OK = 0, ERROR = -1001, IN_USE = -1004, BAD_ID = -1007, NO_DATA = -1008, IO = -1010, TIMEOUT = -1011,
       NOT_AVAILABLE = -1014, BAD_ADDRESS = -1015, TOO_SMALL = -1016, NOT_IMPLEMENTED = -1003 };
enum { STRING = 1, INT32 = 5, UINT32 = 6, UINT64 = 8, PTR = 10, BOOL8 = 11, SIZET = 12 };
enum { WIDTH, HEIGHT, TRIGGER_MODE, TRIGGER_SOURCE, TRIGGER, FAULT, FIRST_ID, LATCH, LATCHED, EXPOSURE, OTHER, REGISTERS };
enum { NO_FAULT, INCOMPLETE, SHORT, LOST, NO_STAMP, /* of each third frame: */ NO_ID, NO_HEIGHT, ZERO_HEIGHT, NO_SIZE };
#define EXPORT __attribute__((visibility("default")))
#define BUFFERS 64
#define PERIOD_MS 20
#define CLOCK_AHEAD_NS 3600000000000ULL /* the camera's clock was started in another world */

typedef struct { uint8_t *base; size_t size, filled; void *user; uint64_t id, stamp_ns; int incomplete, queued; } Buffer;

static struct { uint64_t words[REGISTERS]; uint64_t sent; int running, lost, open; } camera;
static Buffer buffers[BUFFERS];
static int announced, filled[BUFFERS], first, count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t sensor;
static const char *said = "";

static int fails(int code, const char *why) { said = why; return code; }

static int give(const void *value, size_t bytes, int kind, int *type, void *to, size_t *size) {
    if (type) *type = kind;
    if (to && *size < bytes) return TOO_SMALL;
    if (to) memcpy(to, value, bytes);
    *size = bytes;
    return OK;
}
static int text(const char *value, int *type, void *to, size_t *size) {
    return give(value, strlen(value) + 1, STRING, type, to, size);
}
static int number(uint64_t value, int kind, int *type, void *to, size_t *size) {
    return give(&value, kind == BOOL8 ? 1 : kind == INT32 || kind == UINT32 ? 4 : 8, kind, type, to, size);
}
static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* --- the camera ------------------------------------------------------------------------------------------------ */
static void expose(void) { /* the lock is held */
    for (int i = 0; i < announced; i++) {
        Buffer *b = &buffers[i];
        if (!b->queued) continue;
        size_t bytes = camera.words[WIDTH] * camera.words[HEIGHT];
        uint64_t id = camera.words[FIRST_ID] + camera.sent++;
        int third = camera.sent % 3 == 0;
        b->id = (id - 1) % 65535 + 1; /* as GigE Vision 1.x counts */
        memset(b->base, (int)(camera.sent & 0xFF), bytes);
        b->stamp_ns = now_ns() + CLOCK_AHEAD_NS;
        b->incomplete = third && camera.words[FAULT] == INCOMPLETE;
        b->filled = third && camera.words[FAULT] == SHORT ? bytes / 2 : bytes;
        b->queued = 0;
        filled[(first + count++) % BUFFERS] = i;
        return;
    }
}
static void *see(void *unused) {
    while (camera.running) {
        usleep(PERIOD_MS * 1000);
        pthread_mutex_lock(&lock);
        int software = camera.words[TRIGGER_MODE] && camera.words[TRIGGER_SOURCE] == 1;
        camera.lost = camera.lost || (camera.words[FAULT] == LOST && camera.sent >= 3);
        if (!camera.lost && (!software || camera.words[TRIGGER])) expose();
        camera.words[TRIGGER] = 0;
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

/* --- library, system, interface, device ------------------------------------------------------------------------- */
EXPORT int GCInitLib(void) {
    return getenv("GENTL_TEST_NO_LICENCE") ? fails(ERROR, "No valid licence for this producer") : OK;
}
EXPORT int GCCloseLib(void) { return OK; }
EXPORT int GCGetLastError(int *code, char *to, size_t *size) { *code = ERROR; return text(said, 0, to, size); }
EXPORT int GCGetInfo(int what, int *type, void *to, size_t *size) {
    return what == 9 || what == 10 ? number(what == 9 ? 1 : 5, UINT32, type, to, size) : text("Test", type, to, size);
}
EXPORT int TLOpen(void **tl) { *tl = &lock; return OK; }
EXPORT int TLClose(void *tl) { return OK; }
EXPORT int TLGetInfo(void *tl, int what, int *type, void *to, size_t *size) { return GCGetInfo(what, type, to, size); }
EXPORT int TLUpdateInterfaceList(void *tl, uint8_t *changed, uint64_t ms) { if (changed) *changed = 1; return OK; }
EXPORT int TLGetNumInterfaces(void *tl, uint32_t *n) { *n = 1; return OK; }
EXPORT int TLGetInterfaceID(void *tl, uint32_t i, char *to, size_t *size) { return text("IF", 0, to, size); }
EXPORT int TLGetInterfaceInfo(void *tl, const char *id, int what, int *type, void *to, size_t *size) {
    return text(what == 2 ? "GEV" : "IF", type, to, size);
}
EXPORT int TLOpenInterface(void *tl, const char *id, void **itf) { *itf = buffers; return OK; }
EXPORT int IFClose(void *itf) { return OK; }
EXPORT int IFGetInfo(void *itf, int what, int *type, void *to, size_t *size) {
    return text(what == 2 ? "GEV" : "IF", type, to, size);
}
EXPORT int IFUpdateDeviceList(void *itf, uint8_t *changed, uint64_t ms) { if (changed) *changed = 1; return OK; }
EXPORT int IFGetNumDevices(void *itf, uint32_t *n) { *n = 2; return OK; }
EXPORT int IFGetDeviceID(void *itf, uint32_t i, char *to, size_t *size) { return text(i ? "HELD" : "T1", 0, to, size); }
static int device_info(const char *id, int what, int *type, void *to, size_t *size) {
    int held = !strcmp(id, "HELD");
    switch (what) {
    case 0: return text(id, type, to, size);
    case 1: return text("Linegate", type, to, size);
    case 2: return text("Test", type, to, size);
    case 3: return text("GEV", type, to, size);
    case 5: return number(held ? 3 : camera.open ? 5 : 1, INT32, type, to, size);
    case 7: return text(held ? "4712" : "4711", type, to, size);
    case 9: return number(1000000000, UINT64, type, to, size);
    default: return NOT_AVAILABLE;
    }
}
EXPORT int IFGetDeviceInfo(void *itf, const char *id, int what, int *type, void *to, size_t *size) {
    return device_info(id, what, type, to, size);
}
EXPORT int IFOpenDevice(void *itf, const char *id, int flags, void **device) {
    if (!strcmp(id, "HELD") || camera.open) return fails(IN_USE, "controlled by 192.168.30.99");
    memset(&camera, 0, sizeof camera);
    camera.words[WIDTH] = 64, camera.words[HEIGHT] = 48, camera.words[FIRST_ID] = 1, camera.open = 1;
    *device = &camera;
    return OK;
}
EXPORT int DevClose(void *device) { camera.open = 0; return OK; }
EXPORT int DevGetInfo(void *device, int what, int *type, void *to, size_t *size) {
    return device_info("T1", what, type, to, size);
}
EXPORT int DevGetPort(void *device, void **port) { *port = camera.words; return OK; }
EXPORT int DevGetNumDataStreams(void *device, uint32_t *n) { *n = 1; return OK; }
EXPORT int DevGetDataStreamID(void *device, uint32_t i, char *to, size_t *size) { return text("S", 0, to, size); }
EXPORT int DevOpenDataStream(void *device, const char *id, void **stream) { *stream = filled; return OK; }

/* --- the camera's registers, eight bytes each ------------------------------------------------------------------- */
EXPORT int GCReadPort(void *port, uint64_t at, void *to, size_t *size) {
    if (camera.lost) return fails(IO, "no answer from the device");
    if (port != camera.words || at + *size > sizeof camera.words) return BAD_ADDRESS;
    memcpy(to, (uint8_t *)camera.words + at, *size);
    return OK;
}
EXPORT int GCWritePort(void *port, uint64_t at, const void *from, size_t *size) {
    const char *failure = getenv("GENTL_TEST_EXPOSURE_FAILS"); /* GC_ERROR */
    if (camera.lost) return fails(IO, "no answer from the device");
    if (failure && at == EXPOSURE * 8) return fails(atoi(failure), "no exposure today");
    if (port != camera.words || at + *size > sizeof camera.words) return BAD_ADDRESS;
    pthread_mutex_lock(&lock);
    memcpy((uint8_t *)camera.words + at, from, *size);
    if (at == LATCH * 8) camera.words[LATCHED] = now_ns() + CLOCK_AHEAD_NS;
    pthread_mutex_unlock(&lock);
    return OK;
}
EXPORT int GCGetPortInfo(void *port, int what, int *type, void *to, size_t *size) {
    return what >= 5 && what <= 10 ? number(what == 5 || what == 7 || what == 8, BOOL8, type, to, size)
                                   : text(what == 12 ? "Device" : "Test", type, to, size);
}
EXPORT int GCGetNumPortURLs(void *port, uint32_t *n) { *n = port == camera.words; return OK; }
EXPORT int GCGetPortURLInfo(void *port, uint32_t i, int what, int *type, void *to, size_t *size) {
    return what ? NOT_AVAILABLE : text("file:" DESCRIPTION, type, to, size);
}

/* --- buffers and their event ------------------------------------------------------------------------------------ */
EXPORT int GCRegisterEvent(void *source, int kind, void **event) {
    *event = &count;
    return source == filled && kind == 1 ? OK : NOT_IMPLEMENTED;
}
EXPORT int GCUnregisterEvent(void *source, int kind) { return OK; }
EXPORT int EventGetInfo(void *event, int what, int *type, void *to, size_t *size) {
    return what ? number(what == 1 ? count : 16, SIZET, type, to, size) : number(1, INT32, type, to, size);
}
EXPORT int EventGetData(void *event, void *to, size_t *size, uint64_t ms) {
    if (!count) return TIMEOUT;
    pthread_mutex_lock(&lock);
    void *data[2] = {&buffers[filled[first]], buffers[filled[first]].user};
    first = (first + 1) % BUFFERS, count--;
    pthread_mutex_unlock(&lock);
    return give(data, sizeof data, 0, 0, to, size);
}
EXPORT int EventGetDataInfo(void *event, const void *data, size_t bytes, int what, int *type, void *to, size_t *size) {
    return number(*(uint64_t *)data, PTR, type, to, size);
}
EXPORT int EventFlush(void *event) { count = 0; return OK; }
EXPORT int EventKill(void *event) { return OK; }
EXPORT int DSAnnounceBuffer(void *stream, void *base, size_t size, void *user, void **buffer) {
    buffers[announced] = (Buffer){.base = base, .size = size, .user = user};
    *buffer = &buffers[announced++];
    return OK;
}
EXPORT int DSRevokeBuffer(void *stream, void *buffer, void **base, void **user) {
    if (base) *base = ((Buffer *)buffer)->base;
    if (user) *user = ((Buffer *)buffer)->user;
    announced = count = 0;
    return OK;
}
EXPORT int DSQueueBuffer(void *stream, void *buffer) { ((Buffer *)buffer)->queued = 1; return OK; }
EXPORT int DSFlushQueue(void *stream, int what) { count = 0; return OK; }
EXPORT int DSStartAcquisition(void *stream, int flags, uint64_t frames) {
    if (getenv("GENTL_TEST_START_FAILS")) return fails(IO, "the cable is loose");
    camera.running = 1;
    return pthread_create(&sensor, 0, see, 0);
}
EXPORT int DSStopAcquisition(void *stream, int flags) {
    if (!camera.running) return OK;
    camera.running = 0;
    return pthread_join(sensor, 0);
}
EXPORT int DSClose(void *stream) { return OK; }
EXPORT int DSGetInfo(void *stream, int what, int *type, void *to, size_t *size) {
    switch (what) {
    case 7: return number(camera.words[WIDTH] * camera.words[HEIGHT], SIZET, type, to, size);
    case 9: return number(1, BOOL8, type, to, size);
    case 12: return number(1, SIZET, type, to, size);
    default: return NOT_AVAILABLE;
    }
}
EXPORT int DSGetBufferInfo(void *stream, void *buffer, int what, int *type, void *to, size_t *size) {
    Buffer *b = buffer;
    int fault = b->id % 3 ? NO_FAULT : camera.words[FAULT];
    if ((fault == NO_SIZE && what == 9) || (fault == NO_HEIGHT && what == 11) || (fault == NO_ID && what == 16))
        return NOT_AVAILABLE;
    switch (what) {
    case 0: return number((uint64_t)b->base, PTR, type, to, size);
    case 1: return number(b->size, SIZET, type, to, size);
    case 2: return number((uint64_t)b->user, PTR, type, to, size);
    case 7: return number(b->incomplete, BOOL8, type, to, size);
    case 8: return text("GEV", type, to, size);
    case 9: return number(b->filled, SIZET, type, to, size);
    case 10: return number(camera.words[WIDTH], SIZET, type, to, size);
    case 11: return number(fault == ZERO_HEIGHT ? 0 : camera.words[HEIGHT], SIZET, type, to, size);
    case 14: case 18: return number(0, SIZET, type, to, size);
    case 16: return number(b->id, UINT64, type, to, size);
    case 19: return number(1, SIZET, type, to, size);
    case 28: return camera.words[FAULT] == NO_STAMP ? NOT_AVAILABLE : number(b->stamp_ns, UINT64, type, to, size);
    default: return NOT_AVAILABLE;
    }
}

/* What the binding looks for and says on stderr that it is missing. */
#define MISSING(name) EXPORT int name(void) { return NOT_IMPLEMENTED; }
MISSING(GCGetPortURL) MISSING(GCReadPortStacked) MISSING(GCWritePortStacked) MISSING(IFGetParentTL)
MISSING(DevGetParentIF) MISSING(DSGetParentDev) MISSING(DSAllocAndAnnounceBuffer) MISSING(DSAnnounceCompositeBuffer)
MISSING(DSGetBufferID) MISSING(DSGetBufferChunkData) MISSING(DSGetNumBufferParts) MISSING(DSGetBufferPartInfo)
MISSING(DSGetNumFlows) MISSING(DSGetFlowInfo) MISSING(DSGetNumBufferSegments) MISSING(DSGetBufferSegmentInfo)
