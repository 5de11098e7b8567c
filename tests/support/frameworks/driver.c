/* Stand-in for the NVIDIA driver's libraries, libcuda.so.1 and libnvidia-ml.so.1: "GPUs" that compute on the CPU.
 *
 * Settings are lines "key=value", in STANDIN_DRIVER or else in the file /dev/nvidia0, which a stand-in for the
 * NVIDIA runtime mounts:
 *   gpus    Name:8.0,Name:9.0      driver  550.54.15      cuda  12040
 *   init    what cuInit returns    load    what cuModuleLoadData returns
 *   wrong   the number of the GPU that computes wrongly
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char settings[4096];

static const char *get(const char *key, const char *otherwise) {
    static char value[1024];
    if (!settings[0]) {
        const char *given = getenv("STANDIN_DRIVER");
        if (given) {
            strncpy(settings, given, sizeof settings - 2);
        } else {
            FILE *file = fopen("/dev/nvidia0", "r");
            if (file) {
                if (!fread(settings, 1, sizeof settings - 2, file)) settings[0] = 0;
                fclose(file);
            }
        }
        strcat(settings, "\n");
    }
    size_t length = strlen(key);
    for (const char *line = settings; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (!strncmp(line, key, length) && line[length] == '=') {
            size_t end = strcspn(line + length + 1, "\n");
            if (end >= sizeof value) end = sizeof value - 1;
            memcpy(value, line + length + 1, end);
            value[end] = 0;
            return value;
        }
    }
    return otherwise;
}

/* The name, major and minor of GPU `number`; 0 when there is no such. */
static int gpu(int number, char *name, int *major, int *minor) {
    const char *text = get("gpus", "");
    for (int i = 0; *text; ++i) {
        if (sscanf(text, "%127[^:]:%d.%d", name, major, minor) != 3) return 0;
        if (i == number) return 1;
        text += strcspn(text, ",");
        if (*text) ++text;
    }
    return 0;
}

static int current = -1;

int cuInit(unsigned flags) { return flags ? 1 : atoi(get("init", "0")); }
int cuDriverGetVersion(int *version) { *version = atoi(get("cuda", "12040")); return 0; }

int cuDeviceGetCount(int *count) {
    char name[128];
    int major, minor;
    for (*count = 0; gpu(*count, name, &major, &minor); ++*count) {}
    return 0;
}

int cuDeviceGet(int *device, int number) {
    char name[128];
    int major, minor;
    *device = number;
    return gpu(number, name, &major, &minor) ? 0 : 101;
}

int cuDeviceGetName(char *to, int length, int device) {
    char name[128];
    int major, minor;
    if (!gpu(device, name, &major, &minor)) return 101;
    snprintf(to, length, "%s", name);
    return 0;
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
    char name[128];
    int major, minor;
    if (!gpu(device, name, &major, &minor)) return 101;
    if (attribute != 75 && attribute != 76) return 1;
    *value = attribute == 75 ? major : minor;
    return 0;
}

int cuGetErrorName(int code, const char **name) {
    switch (code) {
    case 100: *name = "CUDA_ERROR_NO_DEVICE"; return 0;
    case 222: *name = "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"; return 0;
    case 802: *name = "CUDA_ERROR_SYSTEM_NOT_READY"; return 0;
    case 803: *name = "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"; return 0;
    case 804: *name = "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE"; return 0;
    case 999: *name = "CUDA_ERROR_UNKNOWN"; return 0;
    }
    return 1;
}

int cuDevicePrimaryCtxRetain(void **context, int device) { *context = (void *)(intptr_t)(device + 1); return 0; }
int cuDevicePrimaryCtxRelease(int device) { return device == current ? 0 : 201; }
int cuCtxSetCurrent(void *context) { current = (int)(intptr_t)context - 1; return 0; }

int cuModuleLoadData(void **module, const void *image) {
    if (!strstr(image, ".target sm_30")) return 218;
    *module = (void *)image;
    return atoi(get("load", "0"));
}

int cuModuleGetFunction(void **function, void *module, const char *name) {
    *function = module;
    return strcmp(name, "envbuild_smoke") ? 500 : 0;
}

int cuMemAlloc_v2(uint64_t *place, size_t size) {
    *place = (uint64_t)(uintptr_t)malloc(size);
    return *place ? 0 : 2;
}

int cuMemFree_v2(uint64_t place) { free((void *)(uintptr_t)place); return 0; }
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t size) { memcpy((void *)(uintptr_t)to, from, size); return 0; }
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t size) { memcpy(to, (void *)(uintptr_t)from, size); return 0; }
int cuCtxSynchronize(void) { return current < 0 ? 201 : 0; }

int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *stream, void **handed, void **extra) {
    if (!function || gx * gy * gz != 1 || by * bz != 1 || shared || stream || extra) return 1;
    const uint32_t *x = (void *)(uintptr_t)*(uint64_t *)handed[0], *y = (void *)(uintptr_t)*(uint64_t *)handed[1];
    uint32_t *z = (void *)(uintptr_t)*(uint64_t *)handed[2];
    int wrong = atoi(get("wrong", "-1")) == current;
    for (unsigned i = 0; i < bx; ++i) z[i] = 3 * x[i] + y[i] + wrong;
    return 0;
}

int nvmlInit_v2(void) { return get("driver", NULL) ? 0 : 9; }

int nvmlSystemGetDriverVersion(char *version, unsigned length) {
    snprintf(version, length, "%s", get("driver", ""));
    return 0;
}
