// 100 times each instruction of the loop, with the kind that it is counted as.
.arch armv8.6-a+i8mm+fp16
.global _start
_start:
    adrp x1, somewhere
    add x1, x1, :lo12:somewhere
    mov x0, #100
loop:
    sdot v0.4s, v1.16b, v2.16b          // dot_product
    udot v0.2s, v1.8b, v2.8b            // dot_product
    sdot v0.4s, v1.16b, v2.4b[3]        // dot_product
    smmla v0.4s, v1.16b, v2.16b         // i8mm
    ummla v0.4s, v1.16b, v2.16b         // i8mm
    usdot v0.4s, v1.16b, v2.16b         // i8mm
    sudot v0.4s, v1.16b, v2.4b[2]       // i8mm
    fmla v0.4s, v1.4s, v2.4s            // multiply_add
    fmls v0.4s, v1.4s, v2.s[3]          // multiply_add
    fmla v0.8h, v1.8h, v2.8h            // multiply_add
    fmla v0.8h, v1.8h, v2.h[7]          // multiply_add
    fmadd s0, s1, s2, s3                // multiply_add
    mla v0.8h, v1.8h, v2.8h             // multiply_add
    mls v0.8h, v1.8h, v2.h[5]           // multiply_add
    smlal v0.4s, v1.4h, v2.4h           // multiply_add
    umlsl2 v0.4s, v1.8h, v2.h[1]        // multiply_add
    ldr x2, [x1]                        // load
    ldrsb w2, [x1]                      // load
    ldur q0, [x1, #1]                   // load
    ldp q0, q3, [x1]                    // load
    ld1 {v0.4s}, [x1]                   // load
    ld1r {v0.4s}, [x1]                  // load
    ldar w2, [x1]                       // load
    ldr x2, near                        // load
    str x2, [x1]                        // store
    strb w2, [x1]                       // store
    stur q0, [x1, #1]                   // store
    stp x2, x3, [x1]                    // store
    st1 {v0.b}[1], [x1]                 // store
    fmul v0.4s, v1.4s, v2.4s            // other
    mul v0.4s, v1.4s, v2.s[0]           // other
    smull v0.4s, v1.4h, v2.4h           // other
    sqdmulh v0.4s, v1.4s, v2.4s         // other
    sadalp v0.4s, v1.8h                 // other
    ext v0.16b, v1.16b, v2.16b, #4      // other
    prfm pldl1keep, [x1]                // other
    madd x3, x2, x2, x2                 // other
    nop                                 // other
    nop                                 // other
    subs x0, x0, #1                     // other
    b.ne loop                           // other
    mov x8, #93                         // exit(0)
    svc #0
near: .quad 0
.data
.align 4
somewhere: .space 64
