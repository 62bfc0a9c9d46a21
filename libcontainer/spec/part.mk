# SPDX-License-Identifier: Apache-2.0
noinst_HEADERS += libcontainer/spec/spec.h
spec_libs = $(base_libs)
