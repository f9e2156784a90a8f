complete -c hmp -s c -l command -d 'Run this line and end; may be given several times' -r
complete -c hmp -l complete -d 'Print what could stand at the end of TEXT' -r
complete -c hmp -l timeout -d 'Give a QMP command no more than this to be answered [default: no limit]' -r
complete -c hmp -l wait -d 'Wait this long for the socket to appear and for its turn [default: 10 for its turn]' -r
complete -c hmp -l fd -d 'Let commands use the open descriptor N by this name; may be given several times' -r
complete -c hmp -l allow -d 'Permit ways of answering that stop the VM for a moment, or could harm it' -r -f -a "pausing\t'Stop the VM for a moment'
risky\t'Could kill or change it somewhere'"
complete -c hmp -l replay -d 'Talk to a recording instead of a QEMU' -r -F
complete -c hmp -l libvirt -d 'Talk to a domain of libvirt\'s through virsh, which marks it as tainted; asks first' -r
complete -c hmp -l listen -d 'Serve a monitor socket in front of the QMP socket, for clients of -monitor: unix:PATH, tcp:HOST:PORT or telnet:HOST:PORT, or systemd for sockets that a service manager passes; may be given several times' -r
complete -c hmp -l clients -d 'With --listen, how many clients are served at a time; QEMU serves one' -r -f -a "many\t'All that come'
one\t'One, while the others wait'"
complete -c hmp -l mode -d 'With --listen, the permissions of a unix socket, in octal' -r
complete -c hmp -l prompt -d 'What the prompt looks like: as the built-in\'s, or with the VM\'s name and state in front' -r -f -a "plain\t'The built-in\'s prompt'
state\t'The VM\'s name and state in front of it'"
complete -c hmp -l color -d 'At a prompt, where colours are used' -r -f -a "auto\t'On terminals that understand them, unless NO_COLOR is set'
always\t'On those, also where it is'
never\t'Nowhere'"
complete -c hmp -l null -d 'End each answer with a NUL byte'
complete -c hmp -l explain -d 'Print what each line would do, as JSON, and do nothing'
complete -c hmp -l json -d 'Give each answer as a JSON object on one line: line, command, route, refusal, notes, outcome and text'
complete -c hmp -l native-only -d 'Never use the built-in monitor (human-monitor-command)'
complete -c hmp -l yes -d 'Do not ask before --libvirt'
complete -c hmp -l all -d 'Run the lines of -c on all your running QEMUs at once, with a header for each answer'
complete -c hmp -l own-state -d 'With --listen, give each client a history, a CPU and formats of its own'
complete -c hmp -l bind-anywhere -d 'With --listen, permit TCP addresses that other machines can reach'
complete -c hmp -l plain -d 'Write no escape sequences to the terminal: a plain prompt, for programs that drive it'
complete -c hmp -l reconnect -d 'At a prompt and with --listen, connect anew when the QEMU that went is back'
complete -c hmp -l exit-on-end -d 'At a prompt, end when QEMU ends, instead of staying'
complete -c hmp -l end-jobs -d 'End the jobs that an earlier hmp began and left behind, and clear them away'
complete -c hmp -l no-pager -d 'At a prompt, show long answers without a pager'
complete -c hmp -l confirm -d 'At a prompt, ask before a line is run that may lose something'
complete -c hmp -l print-config -d 'Print the settings of the prompt, as in its file'
complete -c hmp -l list -d 'Print the running QEMUs: a header, then process, name, owner, state, machine, address and remarks, with tabs between'
complete -c hmp -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hmp -s V -l version -d 'Print version'
