/*
 * model/checkpoint.h - the tensors of a safetensors checkpoint, mapped read-only.
 *
 * One file (model.safetensors), or shards named by model.safetensors.index.json, in a plain folder or
 * in the Hugging Face cache layout (models--.../refs/main -> snapshots/REVISION/). Nothing is copied
 * and nothing is written: however many processes open one checkpoint, its bytes are in memory once.
 *
 * The structure of the files is not trusted (docs: reliability): a header is refused, before
 * anything of its size is allocated, unless it is at most 16 MiB of strict JSON, names at most 100,000
 * tensors of at most 8 dimensions, each once, and their ranges tile the data exactly, without holes
 * or overlap. Shard names cannot leave the folder.
 * Source: the safetensors format description.
 */
#ifndef MODEL_CHECKPOINT_H
#define MODEL_CHECKPOINT_H

#include "model/tensor.h"
#include "util/status.h"
#include "util/str.h"

struct checkpoint;

struct checkpoint_entry {
    struct str name;
    struct tensor tensor;
    int file; // which shard
};

/* Opens the checkpoint in a folder. Errors: MISSING (no such folder, a missing shard), IO, FORMAT
 * (which file, what is wrong), LIMIT. */
enum status checkpoint_open(const char *folder, struct checkpoint **out, struct error *err);

/* Opens one safetensors file by its path. */
enum status checkpoint_open_file(const char *path, struct checkpoint **out, struct error *err);
void checkpoint_close(struct checkpoint *c); // NULL is fine

const char *checkpoint_folder(const struct checkpoint *c); // where the files really are
size_t checkpoint_count(const struct checkpoint *c);
const struct checkpoint_entry *checkpoint_at(const struct checkpoint *c,
                                             size_t i); // sorted by name
const struct tensor *checkpoint_find(const struct checkpoint *c,
                                     const char *name); // NULL: not there
uint64_t checkpoint_bytes(const struct checkpoint *c);  // of all files
int checkpoint_n_files(const struct checkpoint *c);

/* Resolves a folder in the cache layout to the one that holds config.json. Errors: MISSING. */
enum status checkpoint_resolve(const char *folder, char *out, size_t out_size, struct error *err);

/* Reads a whole small file; an absent one is MISSING. */
struct arena;
enum status checkpoint_read_text(struct arena *arena, const char *folder, const char *name,
                                 size_t max_bytes, struct str *out, struct error *err);

/* Reads the header of a safetensors file of n_bytes in memory: its entries, unsorted, pointing
 * into data. What the fuzzer calls. */
enum status checkpoint_parse(struct arena *arena, const unsigned char *data, size_t n_bytes,
                             struct checkpoint_entry **out, size_t *n_out, struct error *err);

#endif
