#!/usr/bin/env node
// Stands here and not in dist, so that an installation links it before anything is built.
import '../dist/main.js'
