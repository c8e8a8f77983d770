//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// wholeCore is the memory in MB for which Lambda gives one core; the share below is proportional.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
const wholeCore = 1769

// limit is a control group whose processes get the share of a core that belongs to an amount of memory.
type limit string

// period is over which the kernel shares out the CPU, in microseconds. AWS does not tell Lambda's own.
const period = 20_000

// newLimit makes the group with whichever version of the kernel's interface is there and may be written.
func newLimit(memory int) (limit, error) {
	name := fmt.Sprintf("appstream-ami-exporter-bench-%d-%d", os.Getpid(), memory)
	quota := period * memory / wholeCore
	v1 := filepath.Join("/sys/fs/cgroup/cpu", name)
	if _, err := os.Stat("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"); err == nil {
		return makeGroup(v1, map[string]string{"cpu.cfs_period_us": strconv.Itoa(period), "cpu.cfs_quota_us": strconv.Itoa(quota)})
	}
	v2 := filepath.Join("/sys/fs/cgroup", name)
	// Fails where it is on already or cannot be; then the group below has no cpu.max, which is the error to tell.
	_ = os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+cpu"), 0)
	return makeGroup(v2, map[string]string{"cpu.max": fmt.Sprintf("%d %d", quota, period)})
}

func makeGroup(dir string, settings map[string]string) (limit, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	for _, file := range []string{"cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.max"} {
		if value, ok := settings[file]; ok {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0); err != nil {
				return "", errors.Join(err, os.Remove(dir))
			}
		}
	}
	return limit(dir), nil
}

// hold puts a process into the group, with all its threads.
func (l limit) hold(pid int) error {
	return os.WriteFile(filepath.Join(string(l), "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
}

// remove removes the group; its processes are gone by then.
func (l limit) remove() { _ = os.Remove(string(l)) }
