//===- Main.cpp - The runtime in front of every compiled model ------------===//

#include "qzc/Runtime/App/App.h"

int main(int argc, char **argv) { return qzc::runtime::runApp(argc, argv); }
