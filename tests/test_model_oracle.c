/*
 * tests/test_model_oracle.c - whole passes of tiny checkpoints against the reference's tensors.
 *
 * Every stored tensor must come within 2e-5 of its largest value, and every greedy token must be the
 * stored one: text, pictures, a clip, mixture of experts, YaRN, prompts cut into chunks.
 */
#include <math.h>
#include <unistd.h>

#include "model/trace.h"
#include "tests/check.h"
#include "tests/model_data.h"

static const struct {
    const char *checkpoint, *name;
    size_t chunk;
} cases[] = {
    {"moe", "text", 512},
    {"moe", "image-and-video", 512},
    {"moe", "image-and-video", 7}, // pads of one picture in several chunks
    {"moe", "e2e-text", 512},
    {"moe", "e2e-clip", 512},
    {"moe", "e2e-clip-wrapped", 512},
    {"dense-yarn", "text", 512},
    {"dense-yarn", "text", 1},
    {"dense-yarn", "image", 512},
    {"dense-yarn", "image", 5},
    {"dense-yarn", "long-text", 100}, // 1,500 tokens, beyond what YaRN was trained on
};

static const char *devices[] = {"ref", "cpu"};

static double difference(const struct tensor *got, const struct tensor *want) {
    size_t n = tensor_count(want);
    if (!got || got->n_dims != want->n_dims || tensor_count(got) != n || got->dtype != want->dtype)
        return INFINITY;
    double largest = 1e-6, off = 0;
    for (size_t i = 0; i < n; i++) {
        bool whole = want->dtype == DTYPE_I32;
        double w = whole ? (double)((const int32_t *)want->data)[i]
                         : (double)((const float *)want->data)[i];
        double g =
            whole ? (double)((const int32_t *)got->data)[i] : (double)((const float *)got->data)[i];
        if (!(fabs(g - w) <= off)) off = fabs(g - w); // a NaN is never within
        largest = fmax(largest, fabs(w));
    }
    return off / largest;
}

static void compare(const char *out_path, const char *want_path, const char *name) {
    struct checkpoint *got = NULL, *want = NULL;
    struct error err = {0};
    if (checkpoint_open_file(want_path, &want, &err) != STATUS_OK) return; // a case of tokens alone
    if (checkpoint_open_file(out_path, &got, &err) != STATUS_OK) {
        CHECK(false, "%s: %s", name, err.text);
        checkpoint_close(want);
        return;
    }
    for (size_t i = 0; i < checkpoint_count(want); i++) {
        const struct checkpoint_entry *e = checkpoint_at(want, i);
        char tensor[200];
        snprintf(tensor, sizeof tensor, "%.*s", STR_ARG(e->name));
        double off = difference(checkpoint_find(got, tensor), &e->tensor);
        CHECK(off <= 2e-5, "%s: %s is %.1e off", name, tensor, off);
    }
    checkpoint_close(got);
    checkpoint_close(want);
}

static void run_case(struct model *m, const char *folder, const char *name, size_t chunk,
                     const char *device) {
    char path[300], want[300], out[] = "/tmp/docmill-trace-XXXXXX";
    snprintf(path, sizeof path, "%s/cases/%s.json", folder, name);
    snprintf(want, sizeof want, "%s/cases/%s.safetensors", folder, name);
    int fd = mkstemp(out);
    if (fd >= 0) close(fd);
    struct trace_options options = {.chunk = chunk, .kv_dtype = DTYPE_F32};
    struct trace_result r;
    struct error err = {0};
    enum status status = trace_run(m, folder, path, out, &options, &r, &err);
    char full[400];
    snprintf(full, sizeof full, "%s, chunks of %zu, %s", path, chunk, device);
    CHECK(status == STATUS_OK, "%s: %s", full, err.text);
    if (status == STATUS_OK) {
        CHECK(r.n_greedy > 0 && r.n_greedy_equal == r.n_greedy, "%s: %d of %d greedy tokens", full,
              r.n_greedy_equal, r.n_greedy);
        CHECK(r.ids_equal && r.delta_equal && r.text_equal, "%s: prompt %d, delta %d, text %d",
              full, r.ids_equal, r.delta_equal, r.text_equal);
        compare(out, want, full);
    }
    unlink(out);
}

int main(void) {
    for (size_t d = 0; d < sizeof devices / sizeof *devices; d++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            char folder[200];
            snprintf(folder, sizeof folder, "tests/data/model/oracle/%s", cases[i].checkpoint);
            struct model_options options = {.device = devices[d], .n_threads = 2};
            struct model *m = NULL;
            struct error err = {0};
            CHECK(model_open(folder, &options, &m, &err) == STATUS_OK, "%s", err.text);
            if (m) run_case(m, folder, cases[i].name, cases[i].chunk, devices[d]);
            model_close(m);
        }
    return check_end("model_oracle");
}
