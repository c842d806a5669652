#!/bin/bash
echo patched
