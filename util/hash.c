/* util/hash.c - see hash.h. libcrypto's home. */
#include "util/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#include "util/mem.h"

enum { CHUNK = 64 << 10 };

void hash_bytes(struct str bytes, uint8_t out[HASH_BYTES]) {
    if (!EVP_Digest(bytes.s, bytes.n, out, NULL, EVP_sha256(), NULL)) mem_exhausted(bytes.n);
}

uint64_t hash_u64(struct str bytes) {
    uint8_t hash[HASH_BYTES];
    hash_bytes(bytes, hash);
    uint64_t u = 0;
    for (int i = 0; i < 8; i++) u = u << 8 | hash[i];
    return u;
}

enum status hash_file(int fd, uint8_t out[HASH_BYTES], int64_t *n_bytes, struct error *err) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context || !EVP_DigestInit_ex(context, EVP_sha256(), NULL)) mem_exhausted(CHUNK);
    char *chunk = mem_alloc(CHUNK);
    int64_t offset = 0;
    ssize_t n;
    while ((n = pread(fd, chunk, CHUNK, offset)) != 0) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) break;
        EVP_DigestUpdate(context, chunk, (size_t)n);
        offset += n;
    }
    int saved = errno;
    EVP_DigestFinal_ex(context, out, NULL);
    EVP_MD_CTX_free(context);
    mem_free(chunk);
    *n_bytes = offset;
    errno = saved;
    if (n < 0) return fail(err, STATUS_IO, "cannot read: %s", strerror(saved));
    return STATUS_OK;
}

void hash_to_hex(const uint8_t hash[HASH_BYTES], char out[HASH_HEX + 1]) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < HASH_BYTES; i++) {
        *out++ = digits[hash[i] >> 4];
        *out++ = digits[hash[i] & 15];
    }
    *out = '\0';
}
