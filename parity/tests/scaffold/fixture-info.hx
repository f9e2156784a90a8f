HXCOMM SPDX-License-Identifier: GPL-2.0-or-later

#ifdef CONFIG_NEW
    {
        .name       = "new-text",
        .args_type  = "",
        .params     = "",
        .help       = "",
        .cmd_info_hrt = qmp_x_query_new_text,
    },
#endif

    {
        .name       = "plain",
        .args_type  = "",
        .params     = "",
        .help       = "",
        .cmd        = hmp_info_plain,
    },
