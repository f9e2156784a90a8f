/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware that puts a PC's first CPU into one mode and stays there; build.sh makes the files.
 * 0x600dc0de at 0x500 says that the mode is reached.
 *
 * MODE: 1 32 bits, 2 with paging, 3 with PAE, 4 long mode, 5 ring 3 of it, 6 compatibility mode, 7
 * long mode with 5 levels. Tables are at 0x10000, or with TABLES at 0x100000, where somebody else put
 * them. With AVX, XCR0 has that value. With SCRIPT, numbers are written before: triples at 0x100000 of
 * a place in the local APIC, or else of a model specific register, and what goes there; 0 ends them.
 */
.code16
start16:
    cli
    mov $0xf000, %ax
    mov %ax, %ds
    lgdtl gdtr - start16
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    ljmpl $0x08, $pm32
.code32
pm32:
    mov $0x10, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x7c00, %esp
    cld
    xor %eax, %eax
    mov $0x10000, %edi
    mov $0x6000, %ecx
    rep stosl
    mov $0x28, %ax
    ltr %ax
    /* A periodic timer that is masked, an interrupt that waits, an error vector, a priority. */
    mov $0xfee00000, %ebx
    movl $0x1ff, 0xf0(%ebx)
    movl $0x0b, 0x3e0(%ebx)
    movl $0x30041, 0x320(%ebx)
    movl $0xf0000000, 0x380(%ebx)
    movl $0x000440a5, 0x300(%ebx)
    movl $0x105fe, 0x370(%ebx)
    movl $0x20, 0x80(%ebx)
    /* Numbers in FPU and SSE registers, none of which is rounded. */
    mov %cr4, %eax
    or $0x600, %eax
    mov %eax, %cr4
    mov %cr0, %eax
    and $~4, %eax
    or $2, %eax
    mov %eax, %cr0
    fninit
#if MODE == 1 || MODE == 4
    /* Where KVM emulates ring 0, that may end here. */
    fldpi
    fld1
    mov $0x3f9d70a4, %eax
    movd %eax, %xmm0
    pshufd $0, %xmm0, %xmm1
    movaps %xmm1, %xmm7
#endif
    mov $0x12345678, %eax
    mov %eax, %dr0
    mov $0x9abcdef0, %eax
    mov %eax, %dr3
#ifdef SCRIPT
    mov $0x100000, %esi
1:  mov (%esi), %ecx
    test %ecx, %ecx
    jz 3f
    mov 4(%esi), %eax
    mov 8(%esi), %edx
    add $12, %esi
    mov %ecx, %edi
    shr $12, %edi
    cmp $0xfee00, %edi
    je 2f
    wrmsr
    jmp 1b
2:  mov %eax, (%ecx)
    jmp 1b
3:
#endif
#if MODE == 2
    movl $0x000000e3, 0x10000
    movl $0x00011007, 0x10004
    movl $0xfec000fb, 0x10000 + 4 * 0x3fb
    movl $0xffc000e1, 0x10000 + 4 * 0x3ff
    mov $0x11000, %edi
    mov $0x00020007, %eax
    mov $40, %ecx
1:  mov %eax, (%edi)
    add $0x3000, %eax
    add $12, %edi
    loop 1b
    mov %cr4, %eax
    or $0x10, %eax
    mov %eax, %cr4
#endif
#if MODE == 3
    movl $0x11001, 0x10000
    movl $0x12001, 0x10018
    movl $0x000000e3, 0x11000
    movl $0x00013007, 0x11008
    movl $0xfee000fb, 0x12000 + 8 * 0x1f7
    movl $0xffe000e1, 0x12000 + 8 * 0x1ff
    movl $0x00021067, 0x13000
    movl $0x00022025, 0x13010
    movl $0x00023003, 0x13018
    mov %cr4, %eax
    or $0x20, %eax
    mov %eax, %cr4
#endif
#if MODE >= 4
    movl $0x11007, 0x10000
    movl $0x15003, 0x10ff8
    movl $0x12007, 0x11000
    movl $0x14003, 0x11018
    movl $0x16003, 0x15ff0
    movl $0x000000e7, 0x12000
    movl $0x00013007, 0x12008
    movl $0x80000000, 0x1301c
    movl $0x00023003, 0x13018
    movl $0x00021067, 0x13000
    movl $0xfee000fb, 0x14000 + 8 * 0x1f7
    movl $0xffe000e1, 0x14000 + 8 * 0x1ff
    movl $0x000000e3, 0x16000
    movl $0x004001e3, 0x16010
    mov %cr4, %eax
#if MODE == 7
    movl $0x10007, 0x17000
    movl $0x10003, 0x17ff8
    or $0x1000, %eax
#endif
    or $0xa0, %eax
    mov %eax, %cr4
    mov $0xc0000080, %ecx
    rdmsr
    or $0x901, %eax
    wrmsr
#endif
#if MODE >= 2
#ifdef TABLES
    mov $0x100000, %eax
#elif MODE == 7
    mov $0x17000, %eax
#else
    mov $0x10000, %eax
#endif
    mov %eax, %cr3
    mov %cr0, %eax
    or $0x80010000, %eax
    mov %eax, %cr0
#endif
#if MODE == 6
    ljmp $0x08, $reached
#elif MODE >= 4
    ljmp $0x18, $lm
.code64
lm:
    mov $0x1122334455667788, %r8
    mov $0xfedcba9876543210, %r15
    mov $0xc0000101, %ecx
    mov $0xcafe0000, %eax
    mov $0xffff8880, %edx
    wrmsr
    mov $0xc0000102, %ecx
    mov $0x1230000, %eax
    xor %edx, %edx
    wrmsr
#ifdef AVX
    mov %cr4, %rax
    or $0x40000, %rax
    mov %rax, %cr4
    xor %ecx, %ecx
    xor %edx, %edx
    mov $AVX, %eax
    xsetbv
    vpbroadcastd %xmm7, %ymm3
    vperm2i128 $0x01, %ymm3, %ymm1, %ymm4
    movq %r15, %xmm5
    vpbroadcastq %xmm5, %ymm15
#endif
#if MODE == 5
    mov $0x33, %ax
    mov %ax, %ds
    push $0x33
    push $0x7000
    push $0x2
    push $0x3b
    lea ring3(%rip), %rax
    push %rax
    iretq
ring3:
    fldpi
    fld1
    mov $0x3f9d70a4, %eax
    movd %eax, %xmm0
    pshufd $0, %xmm0, %xmm1
    movl $0x600dc0de, 0x500
1:  pause
    jmp 1b
#endif
#endif
reached:
    movl $0x600dc0de, 0x500
1:  hlt
    jmp 1b
.align 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
    .quad 0x00af9b000000ffff
    .quad 0
    .quad 0x000089500000006f
    .quad 0x00cff3000000ffff
    .quad 0x00affb000000ffff
gdt_end:
gdtr:
    .word gdt_end - gdt - 1
    .long gdt
