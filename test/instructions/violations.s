# Each function here is a fault that scripts/check-instructions.sh has to find,
# but for those named fine…; check.sh lists what it says of them.
	.text
	.macro function name
	.type \name, @function
\name:
	.endm

# Nothing was asked: plain x86-64 alone.
	function shared_header_avx512 # as the linker keeps it from a kernel file
	vaddps %zmm0, %zmm1, %zmm2
	ret
	function plain_vex
	vmovd %xmm0, %eax
	ret
	function plain_popcnt
	popcnt %eax, %eax
	ret
	function plain_bmi
	andn %eax, %ebx, %ecx
	ret
	function plain_lzcnt
	lzcnt %eax, %eax
	ret
	function plain_aes
	aesenc %xmm0, %xmm1
	ret
	function plain_sse42
	pcmpgtq %xmm0, %xmm1
	ret
	function fine_plain
	addps %xmm0, %xmm1
	rep bsf %eax, %ecx # not tzcnt
	cs nopw 0x0(%rax,%rax,1)
	ret

# Kernels that use more than was asked for.
	function _ZN3qzc6N_SSE46avxsetEv
	vaddps %xmm0, %xmm1, %xmm2
	ret
	function _ZN3qzc6N_SSE43aesEv
	aesenc %xmm0, %xmm1
	ret
	function _ZN3qzc6N_AVX26maskedEv
	vaddps %ymm0, %ymm1, %ymm2{%k1}
	ret
	function _ZN3qzc6N_AVX24evexEv # what AVX has, encoded as AVX-512
	{evex} vaddps %xmm0, %xmm1, %xmm2
	ret
	function _ZN3qzc6N_AVX34vnniEv
	vpdpbusd %zmm0, %zmm1, %zmm2
	ret
	function _ZN3qzc4codeEv.avx2 # a clone: AVX2 was asked for, FMA was not
	vfmadd213ps %ymm0, %ymm1, %ymm2
	ret
	function _ZN3qzc6N_SSE44fineEv
	pcmpgtq %xmm0, %xmm1
	popcnt %eax, %eax
	ret
	function _ZN3qzc6N_AVX24fineEv
	vfmadd213ps %ymm0, %ymm1, %ymm2
	call _ZN3qzc6N_SSE44fineEv
	ret
	function _ZN3qzc6N_AVX34fineEv
	vaddps %zmm0, %zmm1, %zmm2
	jmp _ZN3qzc6N_AVX24fineEv
	function _ZN3qzc11N_AVX3_VNNI4fineINS_6N_AVX33RowEEEvv # a type of a lower set
	vpdpbusd %zmm0, %zmm1, %zmm2
	jmp _ZN3qzc6N_AVX34fineEv
	function _ZN3qzc11N_AVX3_VNNI4vbmiEv
	vpermb %zmm0, %zmm1, %zmm2
	ret

# Kernels that are entered without a look at the CPU.
	function calls_kernel
	call _ZN3qzc6N_SSE44fineEv
	ret
	function jumps_to_kernel
	jmp _ZN3qzc6N_AVX34fineEv
	function _ZN3qzc6N_SSE45callsEv
	call _ZN3qzc6N_AVX24fineEv
	ret
	function _ZN3qzc6N_AVX35callsEv
	call _ZN3qzc11N_AVX3_VNNI4fineINS_6N_AVX33RowEEEvv
	ret
	function fine_address # a table of kernels
	lea _ZN3qzc6N_AVX34fineEv(%rip), %rax
	call *%rax
	ret
