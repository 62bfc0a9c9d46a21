# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libvm.a
libvm_a_SOURCES =
libvm_a_SOURCES += vm/bus.h
libvm_a_SOURCES += vm/kernel.h
libvm_a_SOURCES += vm/kvm.h
libvm_a_SOURCES += vm/loop.h
libvm_a_SOURCES += vm/memory.h
libvm_a_SOURCES += vm/plan.c vm/plan.h
libvm_a_SOURCES += vm/state.h
libvm_a_SOURCES += vm/virtio/mmio.h
libvm_a_SOURCES += vm/virtio/queue.h
libvm_a_SOURCES += vm/virtio/virtio.h
libvm_a_SOURCES += vm/vm.h
libvm_a_SOURCES += vm/x86/x86.h
EXTRA_DIST += vm/README.md
vm_libs = libvm.a $(base_libs) -lpthread
include vm/virtio/fs/part.mk
