"""Labels in files beside the images: tables, JSON lines, COCO, YOLO and lists. PyYAML reads those of YOLO."""
