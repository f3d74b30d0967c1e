"""A phone in Python that the real adb server believes in: for demonstrations and for tests.

    wire         adb's packets and streams, over TCP
    services     what a stream is opened for: a shell, exec, file transfer, reboot
    sync         file transfer
    shell        Android's shell; lexer reads its language
    commands/    what the shell can run, a small file a family; streams is where it reads and writes
    filesystem   a tree of files in memory; system_files makes /proc and /sys
    processes    what runs, how it ended, the log
    profiles     what phones there are, as data
    device_model clusters, heat, throttling and noise: the times of a block, on the phone's clock
    benchmark    the demo app's answer to a request; runner is our native runner
    runtimes     the logits of both: real ones, from this computer's runtimes
    faults       what can be made to go wrong
    state        the phone as its commands see it; phone ties it to a port

What it can do is what somebody asks of it. The harness (deploy/android) sends `;`, `&&`, `>`, `$?`,
quotes and globs, the commands that it measures, copies and cleans with, and pushes. adb itself adds
what `adb install`, `uninstall`, `pull`, `logcat` and `reboot` send. For a person with `adb shell`
there are `|`, `ls -l`, `ps`, `pm list packages`, and `settings put` and `wm dismiss-keyguard`, with
which to do what `doctor` and `profile` ask for. All else is refused as Android refuses what it does
not have: another command comes with the harness that sends it.

Nothing that it is told ever runs on this computer's shell or touches its files. Everything that it
says of itself begins with "Virtual", and so must everything that is made from it.
"""
