"""What is trained: teacher, student and distillation runs of a CTC sign-language recogniser.

Plain PyTorch. Nothing here knows of searching; `ray_adapter` alone imports Ray.
"""
