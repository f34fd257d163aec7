//===- Renderer.cpp - The program that renders templates ------------------===//

#include "qzc/Chat/Template.h"

int main() { return qzc::chat::runRenderer(); }
