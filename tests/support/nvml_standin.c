/* A stand-in for NVIDIA's libnvidia-ml.so.1: serves pynvml with the machine that the variable STANDIN_NVML
 * describes (tests/support/nvml.py writes it), one setting a line:
 *
 *   init=CODE            what starting NVML returns (0: it starts); "hang": it never returns; "crash"
 *   driver=TEXT          nvmlSystemGetDriverVersion; without it "not supported"
 *   library=TEXT         nvmlSystemGetNVMLVersion
 *   cuda=NUMBER          1000 x major + 10 x minor, of both functions
 *   cuda_v2=CODE         what nvmlSystemGetCudaDriverVersion_v2 returns instead (12: libcuda is not found)
 *   gpu=NAME|MAJOR.MINOR|MEMORY|UUID|PERSISTENCE|MIG,MIG…   one GPU; an empty part: "not supported"
 *   lost=CODE            a GPU that is not handed out
 *
 * Nothing of NVIDIA's is in it: names and numbers are those of the public header nvml.h.
 * -DOLD leaves out what drivers before 384 did not have.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7 };
enum { MOST_GPUS = 32, MOST_MIG = 8, LONGEST = 256 };

typedef struct {
    char name[LONGEST], uuid[LONGEST];
    int major, minor, persistence, lost, mig_count, mig_mode;
    unsigned long long memory;
    char mig[MOST_MIG][LONGEST];
} Gpu;

/* A handle points to one of these: a whole GPU (mig -1) or an instance of it. */
typedef struct {
    int gpu, mig;
} Handle;

static Gpu gpus[MOST_GPUS];
static Handle whole[MOST_GPUS];
static int gpu_count, begun, parsed, init_code, cuda, cuda_v2;
static char driver[LONGEST], library[LONGEST];

static void copy(char *to, const char *from) { snprintf(to, LONGEST, "%s", from ? from : ""); }

static void read_gpu(char *text) {
    Gpu *gpu = &gpus[gpu_count];
    gpu->major = gpu->persistence = -1;
    for (int part = 0; text; part++) {
        char *next = strchr(text, '|');
        if (next) *next++ = 0;
        if (part == 0) copy(gpu->name, text);
        if (part == 1) sscanf(text, "%d.%d", &gpu->major, &gpu->minor);
        if (part == 2) gpu->memory = strtoull(text, NULL, 10);
        if (part == 3) copy(gpu->uuid, text);
        if (part == 4 && *text) gpu->persistence = atoi(text);
        if (part == 5 && *text) {
            gpu->mig_mode = 1;
            for (char *name = strtok(text, ","); name && gpu->mig_count < MOST_MIG; name = strtok(NULL, ","))
                if (strcmp(name, "empty")) copy(gpu->mig[gpu->mig_count++], name);
        }
        text = next;
    }
    gpu_count++;
}

static void read_scenario(void) {
    const char *told = getenv("STANDIN_NVML");
    char *text = strdup(told ? told : "init=9"), *rest = NULL;
    if (parsed++) return;
    cuda_v2 = -1;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *value = strchr(line, '=');
        if (!value) continue;
        *value++ = 0;
        if (!strcmp(line, "init")) init_code = strcmp(value, "hang") ? strcmp(value, "crash") ? atoi(value) : -2 : -1;
        if (!strcmp(line, "driver")) copy(driver, value);
        if (!strcmp(line, "library")) copy(library, value);
        if (!strcmp(line, "cuda")) cuda = atoi(value);
        if (!strcmp(line, "cuda_v2")) cuda_v2 = atoi(value);
        if (!strcmp(line, "gpu") && gpu_count < MOST_GPUS) read_gpu(value);
        if (!strcmp(line, "lost") && gpu_count < MOST_GPUS) gpus[gpu_count++].lost = atoi(value);
    }
}

static int begin(void) {
    read_scenario();
    while (init_code == -1) sleep(3600);
    if (init_code == -2) abort();
    begun = init_code == SUCCESS;
    return init_code;
}

static int text(char *buffer, unsigned int length, const char *value) {
    if (!*value) return NOT_SUPPORTED;
    if (strlen(value) >= length) return TOO_SMALL;
    strcpy(buffer, value);
    return SUCCESS;
}

int nvmlInit_v2(void) { return begin(); }
int nvmlShutdown(void) { return begun ? (begun = 0) : UNINITIALIZED; }
const char *nvmlErrorString(int code) { return code == 18 ? "Driver/library version mismatch" : "Unknown Error"; }

int nvmlSystemGetNVMLVersion(char *buffer, unsigned int length) {
    read_scenario();
    return text(buffer, length, library);
}

int nvmlSystemGetDriverVersion(char *buffer, unsigned int length) {
    return begun ? text(buffer, length, driver) : UNINITIALIZED;
}

int nvmlDeviceGetCount_v2(unsigned int *count) {
    if (!begun) return UNINITIALIZED;
    *count = gpu_count;
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, Handle **handle) {
    if (!begun) return UNINITIALIZED;
    if (index >= (unsigned int)gpu_count) return INVALID_ARGUMENT;
    if (gpus[index].lost) return gpus[index].lost;
    whole[index] = (Handle){(int)index, -1};
    *handle = &whole[index];
    return SUCCESS;
}

int nvmlDeviceGetName(Handle *handle, char *buffer, unsigned int length) {
    Gpu *gpu = &gpus[handle->gpu];
    char full[2 * LONGEST + 8];
    if (handle->mig < 0) return text(buffer, length, gpu->name);
    snprintf(full, sizeof full, "%s MIG %s", gpu->name, gpu->mig[handle->mig]);
    return text(buffer, length, full);
}

int nvmlDeviceGetUUID(Handle *handle, char *buffer, unsigned int length) {
    return text(buffer, length, gpus[handle->gpu].uuid);
}

int nvmlDeviceGetMemoryInfo(Handle *handle, unsigned long long *total_free_used) {
    unsigned long long memory = gpus[handle->gpu].memory;
    if (!memory) return NOT_SUPPORTED;
    total_free_used[0] = total_free_used[1] = memory;
    total_free_used[2] = 0;
    return SUCCESS;
}

int nvmlDeviceGetPersistenceMode(Handle *handle, int *mode) {
    if (gpus[handle->gpu].persistence < 0) return NOT_SUPPORTED;
    *mode = gpus[handle->gpu].persistence;
    return SUCCESS;
}

#ifndef OLD
int nvmlInitWithFlags(unsigned int flags) { return flags ? INVALID_ARGUMENT : begin(); }

int nvmlSystemGetCudaDriverVersion(int *version) {
    if (!cuda) return NOT_SUPPORTED;
    *version = cuda;
    return SUCCESS;
}

int nvmlSystemGetCudaDriverVersion_v2(int *version) {
    return cuda_v2 >= 0 ? cuda_v2 : nvmlSystemGetCudaDriverVersion(version);
}

int nvmlDeviceGetCudaComputeCapability(Handle *handle, int *major, int *minor) {
    if (gpus[handle->gpu].major < 0) return NOT_SUPPORTED;
    *major = gpus[handle->gpu].major;
    *minor = gpus[handle->gpu].minor;
    return SUCCESS;
}

int nvmlDeviceGetMigMode(Handle *handle, unsigned int *current, unsigned int *pending) {
    if (gpus[handle->gpu].major < 8) return NOT_SUPPORTED;
    *current = *pending = (unsigned int)gpus[handle->gpu].mig_mode;
    return SUCCESS;
}

int nvmlDeviceGetMaxMigDeviceCount(Handle *handle, unsigned int *count) {
    (void)handle;
    *count = MOST_MIG;
    return SUCCESS;
}

int nvmlDeviceGetMigDeviceHandleByIndex(Handle *handle, unsigned int index, Handle **part) {
    static Handle parts[MOST_GPUS][MOST_MIG];
    if (index >= (unsigned int)gpus[handle->gpu].mig_count) return NOT_FOUND;
    parts[handle->gpu][index] = (Handle){handle->gpu, (int)index};
    *part = &parts[handle->gpu][index];
    return SUCCESS;
}
#endif
