HXCOMM SPDX-License-Identifier: GPL-2.0-or-later
HXCOMM Commands that no QEMU has, of every kind of argument.

    {
        .name       = "new-thing|n",
        .args_type  = "fast:-f,mode:-ms,device:B,type:s?,count:i?,size:o.",
        .params     = "[-f] [-m mode] device [type] [count] [size]",
        .help       = "",
        .cmd        = hmp_new_thing,
        .flags      = "p",
    },

#if defined(TARGET_I386) || defined(TARGET_S390X)
    {
        .name       = "new_dump",
        .args_type  = "fmt:/,addr:l,on:b,wait:T?,opts:O",
        .params     = "/fmt addr on [wait] opts",
        .help       = "",
        .cmd        = hmp_new_dump,
    },
#endif

    {
        .name       = "loop",
        .args_type  = "fn:-f,move:s?",
        .params     = "[-f] [move]",
        .help       = "",
        .cmd        = hmp_loop,
    },
