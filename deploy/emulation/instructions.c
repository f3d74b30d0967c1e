// A plugin of qemu that counts what an arm64 program executes, by kind of instruction.
//
//     qemu-aarch64 -plugin ./instructions.so,out=FILE PROGRAM
//
// When the program ends, FILE has a line for each kind: its name, a space, how many. Threads of the
// program add to the same counters without a lock: it is for programs of one thread.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// What we use of qemu's plugin interface, version 1: qemu's documentation, docs/devel/tcg-plugins.
typedef uint64_t plugin_id;
struct qemu_plugin_tb;    // a block of instructions that qemu translates at once
struct qemu_plugin_insn;  // one of them
enum inline_operation { INLINE_ADD_U64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
                                           void (*translated)(plugin_id, struct qemu_plugin_tb*));
void qemu_plugin_register_atexit_cb(plugin_id id, void (*ended)(plugin_id, void*), void* data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb* block, size_t index);
const void* qemu_plugin_insn_data(const struct qemu_plugin_insn* instruction);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb* block,
                                              enum inline_operation operation, void* counter,
                                              uint64_t amount);

#define EXPORTED __attribute__((visibility("default")))
EXPORTED int qemu_plugin_version = 1;

enum kind { DOT_PRODUCT, I8MM, MULTIPLY_ADD, LOAD, STORE, OTHER, KINDS };
static const char* const kNames[KINDS] = {"dot_product", "i8mm",  "multiply_add",
                                          "load",        "store", "other"};
static uint64_t counts[KINDS];
static char path[4096];

// An encoding: the bits in `mask` are those of `value`. Names are those of Arm's A64 manual.
struct encoding {
    uint32_t mask, value;
    enum kind kind;
};

static const struct encoding kArithmetic[] = {
    // SDOT and UDOT: vectors, by element; SVE's.
    {0x9fe0fc00, 0x0e809400, DOT_PRODUCT},
    {0x9fc0f400, 0x0f80e000, DOT_PRODUCT},
    {0xff20f800, 0x44000000, DOT_PRODUCT},
    {0xff20f800, 0x44200000, DOT_PRODUCT},
    // SMMLA, UMMLA and USMMLA; USDOT and SUDOT, which come with them; SVE's.
    {0xdfe0f400, 0x4e80a400, I8MM},
    {0xbfe0fc00, 0x0e809c00, I8MM},
    {0xbf40f400, 0x0f00f000, I8MM},
    {0xff20fc00, 0x45009800, I8MM},
    {0xffe0fc00, 0x44807800, I8MM},
    {0xffe0f800, 0x44a01800, I8MM},
    // FMLA and FMLS: vectors of 32 and 64 bits, of 16; by element likewise.
    {0xbf20fc00, 0x0e20cc00, MULTIPLY_ADD},
    {0xbf60fc00, 0x0e400c00, MULTIPLY_ADD},
    {0xbf80b400, 0x0f801000, MULTIPLY_ADD},
    {0xbfc0b400, 0x0f001000, MULTIPLY_ADD},
    // FMADD, FMSUB, FNMADD, FNMSUB.
    {0xff000000, 0x1f000000, MULTIPLY_ADD},
    // MLA and MLS: vectors, by element.
    {0x9f20fc00, 0x0e209400, MULTIPLY_ADD},
    {0xbf00b400, 0x2f000000, MULTIPLY_ADD},
    // SMLAL, UMLAL, SMLSL, UMLSL: vectors, by element.
    {0x9f20dc00, 0x0e208000, MULTIPLY_ADD},
    {0x9f00b400, 0x0f002000, MULTIPLY_ADD},
    // SVE: FMLA, FMLS and those that overwrite a factor; by element.
    {0xff200000, 0x65200000, MULTIPLY_ADD},
    {0xff20f800, 0x64200000, MULTIPLY_ADD},
    // SME: outer products that are added up, in float and of bytes.
    {0xfe800000, 0x80800000, MULTIPLY_ADD},
    {0xfec00000, 0xa0800000, MULTIPLY_ADD},
};

static int bit(uint32_t word, int number) {
    return word >> number & 1;
}

// Of the group "Loads and stores", which has bit 27 and has not bit 25.
static enum kind memory_kind(uint32_t word) {
    const int group = word >> 27 & 7;
    if (group == 3 && !bit(word, 24)) return LOAD;  // from beside the program
    if (group != 7) return bit(word, 22) ? LOAD : STORE;
    if (bit(word, 26)) return bit(word, 22) ? LOAD : STORE;  // vectors and floats
    const unsigned size = word >> 30, operation = word >> 22 & 3;
    if (size == 3 && operation == 2) return OTHER;  // PRFM only asks for it
    return operation ? LOAD : STORE;
}

static enum kind kind_of(uint32_t word) {
    if (bit(word, 27) && !bit(word, 25)) return memory_kind(word);
    // SVE's loads and stores.
    if ((word & 0x9e000000) == 0x84000000) return (word >> 29) == 7 ? STORE : LOAD;
    for (size_t i = 0; i < sizeof kArithmetic / sizeof *kArithmetic; ++i) {
        if ((word & kArithmetic[i].mask) == kArithmetic[i].value) return kArithmetic[i].kind;
    }
    return OTHER;
}

static void translated(plugin_id id, struct qemu_plugin_tb* block) {
    (void)id;
    uint64_t found[KINDS] = {0};
    const size_t size = qemu_plugin_tb_n_insns(block);
    for (size_t i = 0; i < size; ++i) {
        uint32_t word;
        memcpy(&word, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(block, i)), sizeof word);
        ++found[kind_of(word)];
    }
    for (int kind = 0; kind < KINDS; ++kind) {
        if (found[kind] == 0) continue;
        qemu_plugin_register_vcpu_tb_exec_inline(block, INLINE_ADD_U64, &counts[kind], found[kind]);
    }
}

static void ended(plugin_id id, void* data) {
    (void)id, (void)data;
    FILE* file = fopen(path, "w");
    if (file == NULL) return;
    for (int kind = 0; kind < KINDS; ++kind) {
        fprintf(file, "%s %llu\n", kNames[kind], (unsigned long long)counts[kind]);
    }
    fclose(file);
}

EXPORTED int qemu_plugin_install(plugin_id id, const void* about, int count, char** options) {
    (void)about;
    for (int i = 0; i < count; ++i) {
        if (strncmp(options[i], "out=", 4) == 0) snprintf(path, sizeof path, "%s", options[i] + 4);
    }
    if (path[0] == '\0') {
        fputs("instructions: give out=FILE\n", stderr);
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
