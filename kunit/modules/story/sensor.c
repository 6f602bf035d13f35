// SPDX-License-Identifier: GPL-2.0
/*
 * A driver with a leak, which knows nothing of kspan: that of Documentation/story.rst, on whose
 * commands scripts/tests/story runs it. /dev/sensor gives a report for each read; one that has no
 * room for a whole report gets an error, and the report is lost.
 */
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

static bool mended;
module_param(mended, bool, 0);
MODULE_PARM_DESC(mended, "without the leak");

struct sensor_report {
	ktime_t time;
	u8 values[992];
};

static struct sensor_report *sensor_measure(void)
{
	struct sensor_report *report = kzalloc(sizeof(*report), GFP_KERNEL);

	if (report)
		report->time = ktime_get();
	return report;
}

static ssize_t sensor_read(struct file *file, char __user *to, size_t room, loff_t *pos)
{
	struct sensor_report *report = sensor_measure();
	ssize_t done = sizeof(*report);

	if (!report)
		return -ENOMEM;
	if (room < sizeof(*report)) {
		if (mended)
			kfree(report);
		return -EMSGSIZE;
	}
	if (copy_to_user(to, report, sizeof(*report)))
		done = -EFAULT;
	kfree(report);
	return done;
}

static const struct file_operations sensor_fops = {
	.owner	= THIS_MODULE,
	.read	= sensor_read,
};

static struct miscdevice sensor_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "sensor",
	.fops	= &sensor_fops,
};
module_misc_device(sensor_device);

MODULE_DESCRIPTION("A driver with a leak");
MODULE_LICENSE("GPL");
